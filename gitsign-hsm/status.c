#include "status.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"

/* A fingerprint of nobody: what cannot be bound to a key names none. */
#define NO_KEY "0000000000000000000000000000000000000000"

const char *status_trust_name(enum status_trust t)
{
	switch (t) {
	case TRUST_UNDEFINED:
		return "UNDEFINED";
	case TRUST_MARGINAL:
		return "MARGINAL";
	case TRUST_FULLY:
		return "FULLY";
	default:
		return "NEVER";
	}
}

void status_line(struct buf *out, const char *fmt, ...)
{
	va_list ap;

	buf_add_str(out, "[GNUPG:] ");
	va_start(ap, fmt);
	buf_vaddf(out, fmt, ap);
	va_end(ap);
	buf_add_byte(out, '\n');
}

static void add_fingerprint(struct buf *out, const struct cert *c)
{
	text_hex(out, bytes_of(c->sha256, sizeof(c->sha256)), true);
}

/* 20261124T152110, the form gpgsm prints. */
static void add_compact_time(struct buf *out, int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL) {
		buf_add_byte(out, '0');
		return;
	}
	buf_addf(out, "%04d%02d%02dT%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void status_signed(struct buf *out, const struct cert *c, enum alg_hash h, int64_t when)
{
	/* Until 2.35 git did not see SIG_CREATED on the first line: this one is before it. */
	status_line(out, "BEGIN_SIGNING H%d", alg_gpg_hash(h));
	buf_addf(out, "[GNUPG:] SIG_CREATED D %d %d 00 ", alg_gpg_pk(c->alg.kind), alg_gpg_hash(h));
	add_compact_time(out, when);
	buf_add_byte(out, ' ');
	add_fingerprint(out, c);
	buf_add_byte(out, '\n');
}

static void key_line(struct buf *out, const char *word, const struct cert *c)
{
	buf_addf(out, "[GNUPG:] %s ", word);
	add_fingerprint(out, c);
	/* A name is always there: without one git takes the next line for it. */
	buf_addf(out, " %s\n", c->subject);
}

/* All nine words, or git reads beyond the line for %GF. */
static void valid_line(struct buf *out, const struct verdict *v)
{
	int64_t made = v->has_signing_time ? v->signing_time : 0;
	char date[16] = "1970-01-01";
	time_t t = (time_t)made;
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	buf_add_str(out, "[GNUPG:] VALIDSIG ");
	add_fingerprint(out, v->cert);
	buf_addf(out, " %s ", date);
	add_compact_time(out, made);
	buf_add_byte(out, ' ');
	add_compact_time(out, v->cert->not_after);
	buf_addf(out, " 0 0 %d %d 00\n", alg_gpg_pk(v->cert->alg.kind), alg_gpg_hash(v->hash));
}

void status_verdict(struct buf *out, const struct verdict *v, enum status_trust trust)
{
	/* git looks for "\nGOODSIG": it must not be the first line. */
	status_line(out, "NEWSIG");
	switch (v->cert != NULL ? v->level : VERDICT_BAD) {
	case VERDICT_GOOD:
		key_line(out, "GOODSIG", v->cert);
		break;
	case VERDICT_UNKNOWN:
	case VERDICT_UNCHECKED:
		key_line(out, "GOODSIG", v->cert);
		trust = TRUST_UNDEFINED;
		break;
	case VERDICT_REVOKED:
		key_line(out, "REVKEYSIG", v->cert);
		trust = TRUST_NEVER;
		break;
	case VERDICT_FORBIDDEN:
		key_line(out, "GOODSIG", v->cert);
		trust = TRUST_NEVER;
		break;
	case VERDICT_EXPIRED:
		key_line(out, "EXPKEYSIG", v->cert);
		trust = TRUST_UNDEFINED;
		break;
	default:
		if (v->level == VERDICT_FOREIGN || v->level == VERDICT_UNSIGNED)
			status_line(out, "ERRSIG %s 0 0 00 0 4", NO_KEY);
		else
			status_line(out, "BADSIG %s not verified", NO_KEY);
		return;
	}
	valid_line(out, v);
	status_line(out, "TRUST_%s 0 shell", status_trust_name(trust));
}

int status_exit(const struct verdict *v, enum status_trust trust)
{
	if (v->cert != NULL && v->level == VERDICT_GOOD && trust >= TRUST_MARGINAL)
		return 0;
	return ERR_BAD;
}
