/*
 * The client's verdict: one signed object, judged by hsm.policy or hsm.roots.
 * `gitsign-hsm --verify` and `gitsign-hsm verify` ask this, so that both say
 * the same.
 */
#ifndef GH_JUDGE_ONE_H
#define GH_JUDGE_ONE_H

#include "base/err.h"
#include "policy/policy.h"
#include "settings.h"
#include "status.h"
#include "trust/trust.h"

struct judge_one {
	struct policy *policy; /* NULL: none configured */
	struct trust *trust;   /* the policy's, or one of hsm.roots */
	struct trust *own;
};

struct opinion {
	struct verdict verdict;
	enum status_trust trust;
	const char *signer; /* name in the policy, or the certificate's address that it admits;
			       lives as long as the verdict; NULL: none */
	char why[600];      /* one sentence for people */
};

/*
 * Loads the policy or the trust anchors. With neither configured every good
 * signature is of unknown trust. ERR_CONFIG when what is configured cannot be read.
 */
int judge_one_open(const struct settings *s, struct judge_one *ret, struct err *err);
void judge_one_close(struct judge_one *j);

/*
 * Judges at `now`. FULLY: a current signer of some rule; for a tag object (`tag` is
 * its name, not empty) of the rule that governs refs/tags/`tag`. MARGINAL: chain
 * good, nobody the policy lists. UNDEFINED: chain unknown, or no current CRL where the
 * policy requires one. NEVER: forbidden or revoked.
 */
void judge_one(const struct judge_one *j, const struct bytes *payload, size_t payload_n,
	       struct bytes armor, struct bytes tag, int64_t now, struct opinion *ret);

#endif
