/*
 * The push certificate (git send-pack.c, builtin/receive-pack.c): who answers for this
 * push, to this repository, now. git's word is taken for the nonce's MAC alone.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"
#include "record/certs.h"

#define AGAIN "git push --signed"

/* Both strings are owned; every ref of the push gets the finding. */
static void fault(struct judge *j, char *seen, const char *cure)
{
	size_t n = j->cert_faults_n + 1;

	j->cert_faults = xreallocarray(j->cert_faults, n, sizeof(*j->cert_faults));
	j->cert_faults[n - 1] =
		(struct judge_fault){ xasprintf("push certificate: %s", seen), xstrdup(cure) };
	j->cert_faults_n = n;
	free(seen);
}

void judge_cert_free(struct judge *j)
{
	for (size_t i = 0; i < j->cert_faults_n; i++) {
		free(j->cert_faults[i].seen);
		free(j->cert_faults[i].cure);
	}
	free(j->cert_faults);
	free(j->pusher);
}

/* --- what it says ------------------------------------------------------- */

/* Another command beside the certificate's would ride along unsigned. */
static void check_commands(struct judge *j, const struct object_push_cert *c)
{
	struct bytes rest = c->commands;
	struct object_command command;
	size_t i = 0;

	while (i < j->n && object_push_cert_command(&rest, &command) &&
	       oid_eq(&command.old, &j->u[i].old) && oid_eq(&command.new_, &j->u[i].new_) &&
	       bytes_eq_str(command.ref, j->u[i].ref))
		i++;
	if (i < j->n || c->commands_n != j->n)
		fault(j, xstrdup("it names other ref updates than those of this push"), AGAIN);
}

static void check_options(struct judge *j, const struct object_push_cert *c)
{
	const struct judge_cert *in = j->c->cert;
	struct bytes rest = c->options, value;
	size_t i = 0;

	while (i < in->options_n && object_push_cert_option(&rest, &value) &&
	       bytes_eq_str(value, in->options[i]))
		i++;
	if (i < in->options_n || c->options_n != in->options_n)
		fault(j, xstrdup("it names other push options than those of this push"), AGAIN);
}

static void check_pushee(struct judge *j, const struct object_push_cert *c)
{
	const struct judge_cert *in = j->c->cert;
	_cleanup_free_ char *shown = NULL;
	struct bytes url = c->pushee;

	/* Over HTTP git puts a slash there. */
	while (url.n > 1 && url.p[url.n - 1] == '/')
		url.n--;
	for (size_t i = 0; i < in->urls_n; i++)
		if (url.n > 0 && bytes_eq_str(url, in->urls[i]))
			return;
	if (in->urls_n == 0)
		return;
	shown = text_escaped(c->pushee);
	fault(j, xasprintf("it is for another repository: %s", c->pushee.n ? shown : "no URL"),
	      "Push to a URL of this repository, or ask its administrator to add yours to "
	      "hsm.pushUrl.");
}

/* git writes user.signingKey there, word for word. A scheme has no case (RFC 3986 3.1). */
static void check_pusher(struct judge *j, const struct object_push_cert *c)
{
	struct bytes scheme = BYTES_LIT("pkcs11:"), v = c->pusher;

	if (v.n > scheme.n && text_eq_nocase(bytes_of(v.p, scheme.n), scheme) &&
	    memchr(v.p, '?', v.n))
		fault(j, xstrdup("it publishes a PKCS#11 URI with a query part, where PINs stand"),
		      "If a PIN was in it, change the PIN. Let user.signingKey name the key by its "
		      "certificate:\ngitsign-hsm setup");
}

/* --- the nonce ------------------------------------------------------------ */

/* "SECONDS-HEX"; when it was issued. */
static bool nonce_time(struct bytes nonce, int64_t *ret)
{
	const uint8_t *dash = memchr(nonce.p, '-', nonce.n);
	size_t n = dash ? (size_t)(dash - nonce.p) : 0;
	uint64_t x;

	if (!dash || !text_parse_u64(bytes_of(nonce.p, n), &x) || x > INT64_MAX / 2)
		return false;
	*ret = (int64_t)x;
	return true;
}

static void check_age(struct judge *j, const struct object_push_cert *c)
{
	int64_t max = j->c->cert->max_age, issued, age;

	if (!nonce_time(c->nonce, &issued)) {
		fault(j, xstrdup("its nonce is none of this server's"), AGAIN);
		return;
	}
	age = j->c->now - issued;
	if (age > max)
		fault(j,
		      xasprintf("its nonce is %lld s old, and %lld are allowed", (long long)age,
				(long long)max),
		      "Sign and send it sooner (hsm.certMaxAge says how soon):\n" AGAIN);
	else if (age < -max)
		fault(j, xasprintf("its nonce was issued %lld s from now", (long long)-age),
		      "The server's clock was ahead. Push again; if that is refused too, its "
		      "administrator has to set the clock:\n" AGAIN);
}

static void check_nonce(struct judge *j, const struct object_push_cert *c)
{
	const char *status = j->c->cert->nonce_status;

	if (strcmp(status, "OK") == 0 || strcmp(status, "SLOP") == 0)
		check_age(j, c);
	else if (j->c->way == JUDGE_WAY_UNASKED || strcmp(status, "UNSOLICITED") == 0)
		fault(j, xstrdup("this server asks for none, so that its nonce proves nothing"),
		      "The server's administrator has to set receive.certNonceSeed (gitsign-hsm "
		      "hook install).");
	else
		fault(j,
		      xstrdup("its nonce is none of this server's for this repository: a "
			      "certificate is good for one push"),
		      AGAIN);
}

/* --- the signature ---------------------------------------------------------- */

static const char *verdict_cure(const struct verdict *v)
{
	switch (v->level) {
	case VERDICT_FOREIGN:
		return "Sign with an X.509 key:\ngit config gpg.format x509\n"
		       "git config gpg.x509.program gitsign-hsm\n" AGAIN;
	case VERDICT_EXPIRED:
		if (judge_is_early(v))
			return "Push again then. If that time is past already, the server's clock "
			       "is "
			       "behind:\n" AGAIN;
		return "Ask for a new certificate, then push with it:\n" AGAIN;
	case VERDICT_UNKNOWN:
	case VERDICT_FORBIDDEN:
		return "Sign with a key and a certificate that the policy allows:\n" AGAIN;
	case VERDICT_REVOKED:
		return "Make a new key, ask for a certificate of it, then push with it:\n" AGAIN;
	case VERDICT_UNCHECKED:
		return "The server's administrator has to put a current CRL in its place.";
	default:
		return AGAIN;
	}
}

/* What was signed, and by which key: another signature over the same is no other push. */
static bool identify(const struct object_push_cert *c, const struct verdict *v, uint8_t ret[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

	for (size_t i = 0; i < OBJECT_PAYLOAD_PIECES && ok; i++)
		ok = EVP_DigestUpdate(ctx, c->payload[i].p, c->payload[i].n);
	ok = ok && EVP_DigestUpdate(ctx, v->cert->spki_sha256, sizeof(v->cert->spki_sha256)) &&
	     EVP_DigestFinal_ex(ctx, ret, NULL);
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* Only a clock that was ahead has issued nonces that are newer than those to come. */
static void fault_forgotten(struct judge *j, int64_t floor)
{
	struct buf when = BUF_INIT;

	text_time(&when, floor);
	fault(j,
	      xasprintf("it may have been used already: its nonce is not newer than "
			"%s, and of those before nothing is known any more",
			buf_str(&when)),
	      floor <= j->c->now ? AGAIN
				 : "The server's administrator has to make a new "
				   "receive.certNonceSeed, then to remove push-certificates in the "
				   "state directory: the clock was ahead (gitsign-hsm-hook(8), THE "
				   "CLOCK).");
	buf_free(&when);
}

static int check_replay(struct judge *j, const struct object_push_cert *c, const struct verdict *v,
			struct err *err)
{
	const char *dir = j->c->cert->state_dir;
	enum record_cert is = RECORD_CERT_NEW;
	int64_t floor = 0;
	int rc = 0;

	if (!identify(c, v, j->out->cert_id))
		return err_set(err, ERR_INTERNAL, "SHA-256 failed");
	if (nonce_time(c->nonce, &j->out->cert_issued) && dir)
		rc = record_certs_find(dir, j->out->cert_id, j->out->cert_issued, &is, &floor, err);
	if (rc == 0 && is == RECORD_CERT_USED)
		fault(j, xstrdup("it was used for a push already"), AGAIN);
	else if (rc == 0 && is == RECORD_CERT_FORGOTTEN && j->cert_faults_n == 0)
		fault_forgotten(j, floor);
	return rc;
}

/* Whose it is, and which of the push's rules let that one push. */
static void check_signer(struct judge *j, const struct verdict *v)
{
	const struct policy_signer *signer;
	const char *name = v->cert->subject;
	char why[512] = "";

	signer = policy_signer_of(j->c->policy, v, j->c->now, why, sizeof(why));
	for (size_t i = 0; i < j->jobs_n; i++) {
		struct judge_job *job = &j->jobs[i];
		struct policy_who who;

		if (policy_admits_push(j->c->policy, job->rule, v, j->c->now, &who))
			job->pusher = name = judge_lasting_name(j, &who);
		else if (!signer && !who.signer)
			snprintf(why, sizeof(why), "%s", who.why);
	}
	if (signer || name != v->cert->subject)
		j->pusher = text_escaped(bytes_str(signer ? signer->name : name));
	else
		fault(j, text_escaped(bytes_str(why)), "Let a signer of the policy push:\n" AGAIN);
}

static int check_signature(struct judge *j, const struct object_push_cert *c, struct err *err)
{
	struct verdict v;

	trust_judge(j->trust, c->payload, OBJECT_PAYLOAD_PIECES, buf_bytes(&c->signature),
		    j->c->now, &v);
	if (v.level != VERDICT_GOOD) {
		fault(j, judge_seen_text("push certificate", &v), verdict_cure(&v));
		return 0;
	}
	check_signer(j, &v);
	return check_replay(j, c, &v, err);
}

int judge_cert(struct judge *j, struct err *err)
{
	struct object_push_cert c = { .commands_n = 0 };
	struct err why = ERR_INIT;
	int rc;

	if (!j->c->cert)
		return 0;
	if (object_parse_push_cert(j->c->cert->raw, &c, &why)) {
		fault(j, xasprintf("malformed: %s", why.text), AGAIN);
		return 0;
	}
	check_commands(j, &c);
	check_options(j, &c);
	check_pushee(j, &c);
	check_pusher(j, &c);
	check_nonce(j, &c);
	rc = check_signature(j, &c, err);
	object_push_cert_free(&c);
	j->out->cert_good = rc == 0 && j->cert_faults_n == 0 && j->pusher;
	return rc;
}

/* --- one ref ------------------------------------------------------------------ */

static void find_none(struct judge *j, struct judge_job *job)
{
	static const struct {
		const char *seen, *cure;
	} words[] = {
		[JUDGE_WAY_GIT] = { "pushed without a push certificate, which this rule wants",
				    AGAIN },
		[JUDGE_WAY_HTTP] = { "pushed over HTTP without a push certificate, which this rule "
				     "wants",
				     "Over HTTP it is made as over SSH, and is good for some "
				     "minutes "
				     "only: have the PIN at hand.\n" AGAIN },
		[JUDGE_WAY_WEB] = { "made on a web page, where nobody signs a push: this rule "
				    "wants "
				    "a push certificate",
				    "Push the change from a clone:\n" AGAIN },
		[JUDGE_WAY_UNASKED] = { "this rule wants a push certificate, and this server does "
					"not "
					"ask for any",
					"The server's administrator has to set "
					"receive.certNonceSeed "
					"(gitsign-hsm hook install)." },
	};

	judge_job_find(j, job, NULL, BYTES_NONE, xstrdup(words[j->c->way].seen),
		       xstrdup(words[j->c->way].cure), MEND_NONE);
}

static void find_pusher(struct judge *j, struct judge_job *job)
{
	_cleanup_free_ char *right = judge_rule_pushers(j, job->rule);

	judge_job_find(j, job, NULL, BYTES_NONE,
		       xasprintf("push certificate by %s, who may not push here", j->pusher),
		       xasprintf("Let one push who may: %s.", right), MEND_NONE);
}

bool judge_cert_later(struct judge *j, const struct judge_job *job)
{
	if (j->c->way != JUDGE_WAY_BEFORE)
		return false;
	if (!job->report)
		j->out->wants_cert = true;
	return true;
}

void judge_cert_job(struct judge *j, struct judge_job *job)
{
	for (size_t i = 0; i < j->cert_faults_n; i++)
		judge_job_find(j, job, NULL, BYTES_NONE, xstrdup(j->cert_faults[i].seen),
			       xstrdup(j->cert_faults[i].cure), MEND_NONE);
	if (!j->c->cert && job->rule->cert_required && !j->c->standing && !judge_cert_later(j, job))
		find_none(j, job);
	if (!j->out->cert_good)
		return;
	job->pushed = job->pusher != NULL;
	if (job->pushed)
		judge_names_add(&job->who, job->pusher);
	else
		find_pusher(j, job);
}
