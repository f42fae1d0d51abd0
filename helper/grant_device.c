/* Device authorization (RFC 8628): a code here, a yes on another device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "base/text.h"
#include "helper/grant_internal.h"
#include "helper/people.h"
#include "oauth/answer.h"

static void tell(const struct grant *g, const struct oauth_device *d)
{
	_cleanup_free_ char *code = text_escaped(bytes_str(d->user_code));
	struct buf b = BUF_INIT;

	buf_addf(&b,
		 "git-credential-hsm: access to %s wants your yes at %s\n"
		 "  open   %s\n"
		 "  enter  %s\n",
		 g->p->url, g->meta.issuer, d->uri, code);
	if (d->lives_s < 60 * 60)
		buf_addf(&b, "  within %lld minutes\n", (long long)(d->lives_s + 59) / 60);
	people_say(buf_str(&b));
	buf_free(&b);
	people_qr(d->uri_complete != NULL ? d->uri_complete : d->uri);
}

static void pause_s(int64_t s)
{
	struct timespec ts = { (time_t)s, 0 };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

static int poll_once(struct grant *g, const struct oauth_device *d, struct cred_tokens *ret,
		     struct grant_refusal *why, struct err *err)
{
	struct secret form = SECRET_NONE;
	int r;

	http_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
	http_form_add(&form, "device_code", d->code);
	r = grant_token(g, &form, ret, why, err);
	secret_free(&form);
	return r;
}

/* 3.5: go on, go on more slowly, or the end. A network that fails is tried again, later. */
static bool go_on(int r, const struct grant_refusal *why, struct oauth_device *d)
{
	if (r == ERR_BAD && strcmp(why->code, "authorization_pending") == 0)
		return true;
	if (r == ERR_BAD && strcmp(why->code, "slow_down") == 0) {
		d->interval_s += OAUTH_INTERVAL_S;
		return true;
	}
	if (r != ERR_IO)
		return false;
	d->interval_s =
		d->interval_s * 2 > OAUTH_INTERVAL_MAX_S ? OAUTH_INTERVAL_MAX_S : d->interval_s * 2;
	return true;
}

static int wait_for_yes(struct grant *g, struct oauth_device *d, struct cred_tokens *ret,
			struct err *err)
{
	int64_t end = os_monotonic_ms() + d->lives_s * 1000;
	struct grant_refusal why = { "" };
	struct err last = ERR_INIT;
	int r = ERR_IO;

	if (end > g->deadline)
		end = g->deadline;
	while (os_monotonic_ms() + d->interval_s * 1000 < end) {
		pause_s(d->interval_s);
		why.code[0] = '\0';
		r = poll_once(g, d, ret, &why, &last);
		if (r == 0)
			return 0;
		if (!go_on(r, &why, d))
			return err_set(err, last.code, "%s", last.text);
	}
	if (r == ERR_IO && last.code == ERR_IO)
		return err_set(err, last.code, "%s", last.text);
	return err_set(err, ERR_BAD, "nobody said yes at %s in time", g->meta.issuer);
}

int grant_device(struct grant *g, struct cred_tokens *ret, struct err *err)
{
	struct secret form = SECRET_NONE;
	struct grant_refusal why;
	struct oauth_device d = { .lives_s = 0 };
	json_t *o = NULL;
	int r;

	if (g->meta.device == NULL)
		return err_set(err, ERR_CONFIG,
			       "%s has no device flow: set hsmGrant to authorization_code",
			       g->meta.issuer);
	grant_add_target(g, &form);
	r = grant_post(g, g->meta.device, &form, &o, &why, err);
	secret_free(&form);
	if (r != 0)
		return r;
	r = oauth_device_read(o, &d, err);
	if (r != 0) {
		err_prefix(err, "%s", g->meta.device);
	} else {
		tell(g, &d);
		r = wait_for_yes(g, &d, ret, err);
	}
	json_decref(o);
	return r;
}
