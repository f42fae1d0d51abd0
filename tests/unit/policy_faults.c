/* The faults of a policy file: what is wrong stands beside the same thing made right. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "tests/unit/policy_text.h"

/* `wrong` gives exactly the fault, `right` none. */
static const struct {
	const char *wrong, *fault, *right;
} cases[] = {
	/* the file */
	{ TRUST, "1: there is no [policy] section", POLICY TRUST },
	{ POLICY, "1: there is no [trust] section", POLICY TRUST },
	{ "[policy]\nserial = 1\n" TRUST, "1: `version' is missing in this [policy]", BASE },
	{ "[policy]\nversion = 2\nnews = 1\n[later]\n",
	  "2: this file is of version 2, this program "
	  "knows 1: upgrade gitsign-hsm on this machine",
	  BASE },
	{ "[policy]\nversion = 0\n" TRUST, "2: version is \"0\"", BASE },
	{ "[policy]\nversion = one\n" TRUST, "2: version is \"one\"", BASE },
	{ "[policy]\nversion\n" TRUST, "2: `version' has no value", BASE },
	{ "[policy]\nversion =\n" TRUST, "2: `version' has no value", BASE },
	{ POLICY "version = 1\n" TRUST, "3: `version' stands twice in this section (keep one)",
	  BASE },
	{ POLICY "serial = -1\n" TRUST, "3: serial is \"-1\"", POLICY "serial = 0\n" TRUST },
	{ POLICY "serial = 9223372036854775808\n" TRUST, "3: serial is",
	  POLICY "serial = 9223372036854775807\n" TRUST },
	{ POLICY "mode = off\n" TRUST, "3: mode is \"off\" (write enforce or report)",
	  POLICY "mode = report\n" TRUST },
	{ POLICY "mod = report\n" TRUST,
	  "3: unknown key `mod' in [policy] (its keys: version, "
	  "serial, mode)",
	  POLICY "MODE = enforce\n" TRUST },
	{ "[policy \"x\"]\nversion = 1\n" TRUST, "1: [policy] takes no name", BASE },
	{ BASE "[policy]\n", "11: this section stands already at line 1", BASE },
	{ BASE "[include]\npath = x\n", "11: a policy includes no other files", BASE },
	{ BASE "[includeIf \"gitdir:x\"]\npath = x\n", "11: a policy includes no other files",
	  BASE },
	{ BASE "[rules \"x\"]\nref = x\n", "11: unknown section [rules]", BASE },
	{ BASE "[core]\nbare = x\n", "11: unknown section [core]", BASE },
	/* [key], [revoked] */
	{ BASE "[key \"x\"]\nsigner = alice\n", "11: key \"x\" says of no key that it is it",
	  BASE "[key \"x\"]\nsigner = alice\nspki = sha256:" HEX64 "\n" },
	{ BASE "[key \"x\"]\nspki = sha256:" HEX64 "\n", "11: `signer' is missing in this [key]",
	  BASE "[key \"x\"]\nsigner = bob\ntrust = corp\n" },
	{ BASE "[key \"x\"]\nsigner = carol\nspki = sha256:" HEX64 "\n",
	  "12: there is no signer "
	  "\"carol\"",
	  BASE "[key \"x\"]\nsigner = bob\ncertificate = sha256:" HEX64 "\n" },
	{ BASE "[key \"x\"]\nsigner = alice\ntrust = crop\n", "13: there is no trust \"crop\"",
	  BASE "[key \"x\"]\nsigner = alice\ntrust = corp\n" },
	{ BASE "[signer \"c\"]\n[key \"x\"]\nsigner = c\ntrust = corp\n",
	  "12: key \"x\" has trust, but "
	  "signer c no email",
	  BASE "[signer \"c\"]\n[key \"x\"]\nsigner = c\nspki = sha256:" HEX64 "\n" },
	{ BASE "[key \"x\"]\nsigner = bob\ntrust = corp\nvalidFrom = 2027-01-01\n"
	       "validUntil = 2027-01-01\n",
	  "11: key \"x\" is never valid",
	  BASE "[key \"x\"]\nsigner = bob\ntrust = corp\nvalidFrom = 2027-01-01\n"
	       "validUntil = 2027-01-02\n" },
	{ BASE "spki = sha256:" HEX64 "\n[key \"x\"]\nsigner = bob\nspki = sha256:" COLONS "\n",
	  "14: spki sha256:" HEX64 " stands in signer bob too, line 11",
	  BASE "certificate = sha256:" HEX64 "\n[key \"x\"]\nsigner = bob\nspki = sha256:" COLONS
	       "\n" },
	{ BASE "spki = sha256:" HEX64 "\n[key \"x\"]\nsigner = alice\nspki = sha256:" COLONS "\n",
	  "14: spki sha256:" HEX64 " is signer bob's at the same time, line 11",
	  BASE "spki = sha256:" HEX64 "\nvalidUntil = 2027-01-01\n[key \"x\"]\nsigner = alice\n"
	       "spki = sha256:" COLONS "\nvalidFrom = 2027-01-01\n" },
	{ BASE "[key \"x\"]\nsigner = bob\nspki = sha256:" HEX64 "\n[key \"y\"]\nsigner = alice\n"
	       "spki = sha256:" HEX64 "\n",
	  "16: spki sha256:" HEX64 " is signer bob's at the same time",
	  BASE "[key \"x\"]\nsigner = bob\nspki = sha256:" HEX64 "\n[key \"y\"]\nsigner = bob\n"
	       "spki = sha256:" HEX64 "\n" },
	{ BASE "[key \"x\"]\nsigner = bob\nsshKey = x\nspki = sha256:" HEX64 "\n",
	  "13: `sshKey' is not "
	  "supported",
	  BASE },
	{ BASE "[revoked \"x\"]\nspki = x\n", "12: spki is \"x\"",
	  BASE "spki = sha256:" HEX64 "\n[revoked \"x\"]\nspki = sha256:" HEX64 "\n" },
	{ BASE "[revoked \"x\"]\n", "11: revoked \"x\" names no key",
	  BASE "[revoked \"x\"]\ncertificate = sha256:" HEX64 "\n" },
	{ BASE "[revoked \"x\"]\nspki = sha256:" HEX64 "\nsince = now\n", "13: since is \"now\"",
	  BASE "[revoked \"x\"]\nspki = sha256:" HEX64 "\nsince = 2026-03-01T12:00:00Z\n" },
	{ BASE "[revoked \"x\"]\nspki = sha256:" HEX64 "\nreason = lost\n",
	  "13: reason is \"lost\"",
	  BASE "[revoked \"x\"]\nspki = sha256:" HEX64 "\nreason = keyCompromise\n" },
	{ BASE "[limits\n", "11: a section is written", BASE "[limits]\n" },
	{ BASE "[limits]\nobjectSize = \"1m\n", "12: a quoted value",
	  BASE "[limits]\nobjectSize = 1m" },

	/* [trust] */
	{ POLICY "[trust \"corp\"]\n",
	  "3: `roots' is missing in this [trust] section (add roots = "
	  "...)",
	  POLICY TRUST },
	{ POLICY TRUST "roots = roots.pem\n", "5: `roots' stands twice", POLICY TRUST },
	{ POLICY "[trust]\nroots = r\n", "3: [trust] has no name (write [trust \"NAME\"])",
	  POLICY TRUST },
	{ POLICY "[trust \"\"]\nroots = r\n", "3: \"\" is no name for a trust", POLICY TRUST },
	{ POLICY "[trust \"-a\"]\nroots = r\n", "3: \"-a\" is no name for a trust",
	  POLICY "[trust \"a-\"]\nroots = r\n" },
	{ POLICY "[trust \"" HEX64 "a\"]\nroots = r\n", "3: \"" HEX64 "a\" is no name for a trust",
	  POLICY "[trust \"" HEX64 "\"]\nroots = r\n" },
	{ POLICY "[trust \"a b\"]\nroots = r\n", "3: \"a b\" is no name for a trust",
	  POLICY "[trust \"a_b\"]\nroots = r\n" },
	{ POLICY "[trust \"a\x1b\"]\nroots = r\n", "3: \"a\\x1b\" is no name for a trust",
	  POLICY "[trust \"\xc3\xa9\"]\nroots = r\n" },
	{ POLICY "[trust \"corp\"]\nroots = missing.pem\n", "4: cannot open dir/missing.pem",
	  POLICY TRUST },
	{ POLICY "[trust \"corp\"]\nroots = broken.pem\n", "4: trust anchors of \"corp\"",
	  POLICY TRUST },
	{ POLICY TRUST "crl = missing.crl\n", "5: cannot open dir/missing.crl",
	  POLICY TRUST "crl = missing.crl\ncrlPolicy = off\n" },
	{ POLICY TRUST "crl = a.crl\ncrl = broken.crl\n", "6: CRLs of \"corp\": no CRL found",
	  POLICY TRUST "crl = broken.crl\ncrlPolicy = off\n" },
	{ POLICY TRUST "crlPolicy = require\n", "5: crlPolicy without a crl",
	  POLICY TRUST "crl = a.crl\ncrlPolicy = require\n" },
	{ POLICY TRUST "crl = a.crl\ncrlPolicy = on\n",
	  "6: crlPolicy is \"on\" (write require, "
	  "ifPresent or off)",
	  POLICY TRUST "crl = a.crl\ncrlPolicy = ifPresent\n" },
	{ POLICY TRUST "emailDomain = x@example.com\n",
	  "5: emailDomain is \"x@example.com\" (write "
	  "what stands behind the @",
	  POLICY TRUST "emailDomain = Example.com\n" },
	{ POLICY TRUST "emailDomain = *.example.com\n", "5: emailDomain is \"*.example.com\"",
	  POLICY TRUST "emailDomain = mail.example.com\n" },
	{ POLICY TRUST "emailDomain = example com\n", "5: emailDomain is \"example com\"",
	  POLICY TRUST "emailDomain = com\n" },
	{ POLICY TRUST "emailDomain = .example.com\n", "5: emailDomain is \".example.com\"", BASE },
	{ POLICY TRUST "emailDomain = \xc3\xa9.example.com\n", "5: emailDomain is ", BASE },
	{ POLICY TRUST "emailDomain = a.com\nemailDomain = b.com\n",
	  "6: `emailDomain' stands twice", BASE },
	{ POLICY TRUST "timestampRoots = x\n", "5: `timestampRoots' is not supported",
	  POLICY TRUST },
	{ POLICY TRUST "openpgpKeyring = x\n", "5: `openpgpKeyring' is not supported",
	  POLICY TRUST },
	{ POLICY TRUST "[trust \"corp\"]\nroots = x\n", "5: this section stands already at line 3",
	  POLICY TRUST "[trust \"Corp\"]\nroots = x\n" },

	/* [signer] */
	{ BASE "[signer \"c\"]\n", "11: signer \"c\" has no key", BASE },
	{ BASE "[signer \"c\"]\nemail = c@example.com\n", "11: signer \"c\" has no key",
	  BASE "[signer \"c\"]\nemail = c@example.com\ntrust = corp\n" },
	{ BASE "[signer \"c\"]\ntrust = corp\n", "11: signer \"c\" has trust but no email",
	  BASE "[signer \"c\"]\ncertificate = sha256:" HEX64 "\n" },
	{ BASE "[signer \"c\"]\nemail = C <c@example.com>\ntrust = corp\n",
	  "12: email is \"C <c@example.com>\" (write the address alone",
	  BASE "[signer \"c\"]\nemail = c@example.com\nemail = c@example.org\ntrust = corp\n" },
	{ BASE "[signer \"c\"]\nemail = c@example.com\ntrust = crop\n",
	  "13: there is no trust \"crop\" "
	  "(add a [trust \"crop\"] section, or mend the name)",
	  BASE "[signer \"c\"]\nemail = c@example.com\ntrust = corp\n" },
	{ BASE "[signer \"c\"]\nemail = c@example.com\ntrust = corp\ntrust = corp\n",
	  "14: trust = corp stands twice here",
	  BASE "[trust \"x\"]\nroots = x\n[signer \"c\"]\nemail = c@example.com\ntrust = corp\n"
	       "trust = x\n" },
	{ BASE "[signer \"c\"]\nspki = sha256:" HEX64 "0\n", "12: spki is \"sha256:0123",
	  BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\n" },
	{ BASE "[signer \"c\"]\nspki = sha512:" HEX64 "\n", "12: spki is \"sha512:",
	  BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\n" },
	{ BASE "[signer \"c\"]\nspki = " HEX64 "\n", "12: spki is",
	  BASE "[signer \"c\"]\nspki = sha256:" COLONS "\n" },
	{ BASE
	  "[signer \"c\"]\ncertificate = sha256:g123456789abcdef0123456789abcdef0123456789abcdef"
	  "0123456789abcdef\n",
	  "12: certificate is",
	  BASE
	  "[signer \"c\"]\ncertificate = sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef"
	  "0123456789abcdef\n" },
	{ BASE
	  "[signer \"c\"]\nspki = sha256:01-23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:"
	  "67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF\n",
	  "12: spki is",
	  BASE "[signer \"c\"]\nspki = sha256:" COLONS "\nspki = sha256:11"
	       "23456789abcdef0123456789"
	       "abcdef0123456789abcdef0123456789abcdef\n" },
	{ BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\nspki = sha256:" COLONS "\n",
	  "13: spki sha256:" HEX64 " stands twice here",
	  BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\ncertificate = sha256:" HEX64 "\n" },
	{ BASE "validFrom = 2027-02-29\n", "11: validFrom is \"2027-02-29\" (write 2026-12-31",
	  BASE "validFrom = 2028-02-29\n" },
	{ BASE "validUntil = tomorrow\n", "11: validUntil is \"tomorrow\"",
	  BASE "validUntil = 2028-02-29T10:00:00Z\n" },
	{ BASE "validUntil = 2028-01-01\nvalidFrom = 2028-01-01\n",
	  "8: signer \"bob\" is never valid",
	  BASE "validUntil = 2028-01-01\nvalidFrom = 2027-12-31T23:59:59Z\n" },
	{ BASE "kind = service\n", "11: `kind = service' is not supported by this version",
	  BASE "kind = person\n" },
	{ BASE "kind = robot\n", "11: kind is \"robot\" (write person)", BASE },
	{ BASE "sshKey = x\n", "11: `sshKey' is not supported by this version", BASE },
	{ BASE "sshAuthority = x\n", "11: `sshAuthority' is not supported by this version", BASE },
	{ BASE "openpgp = x\n", "11: `openpgp' is not supported by this version", BASE },
	{ BASE "[signer \"anyone\"]\nspki = sha256:" HEX64 "\n", "11: \"anyone\" is no name",
	  BASE },
	{ BASE "[signer \"role:x\"]\nspki = sha256:" HEX64 "\n", "11: \"role:x\" is no name",
	  BASE },
	{ BASE "email = alice@example.com\n",
	  "11: email alice@example.com is signer alice's at the "
	  "same time, line 6",
	  BASE "email = Alice@example.com\n" },
	{ BASE "email = alice@EXAMPLE.com\n", "11: email alice@example.com is signer alice's",
	  BASE },
	{ BASE "email = bob@example.com\n", "11: email bob@example.com stands twice here", BASE },
	{ BASE "email = alice@example.com\nvalidFrom = 2027-01-01\n",
	  "11: email alice@example.com is",
	  POLICY TRUST ALICE "validUntil = 2027-01-01\n" BOB "email = alice@example.com\n"
			     "validFrom = 2027-01-01\n" },
	{ POLICY TRUST ALICE "validUntil = 2027-01-01T00:00:01Z\n" BOB "email = alice@example.com\n"
			     "validFrom = 2027-01-01\n",
	  "12: email alice@example.com is", BASE },
	/* Between two that do not touch, a third that covers the first and the last. */
	{ POLICY TRUST ALICE
	  "validUntil = 2027-01-01\n"
	  "[signer \"a2\"]\nemail = alice@example.com\ntrust = corp\nvalidFrom = 2028-01-01\n" BOB
	  "email = Bob@example.com\n"
	  "[signer \"a3\"]\nemail = alice@example.com\ntrust = corp\nvalidFrom = 2027-01-01\n"
	  "validUntil = 2028-01-01T00:00:01Z\n",
	  "18: email alice@example.com is signer a2's",
	  POLICY TRUST ALICE
	  "validUntil = 2027-01-01\n"
	  "[signer \"a2\"]\nemail = alice@example.com\ntrust = corp\nvalidFrom = 2028-01-01\n" BOB
	  "email = Bob@example.com\n"
	  "[signer \"a3\"]\nemail = alice@example.com\ntrust = corp\nvalidFrom = 2027-01-01\n"
	  "validUntil = 2028-01-01\n" },
	{ BASE "spki = sha256:" HEX64 "\n[signer \"c\"]\nspki = sha256:" COLONS "\n",
	  "13: spki sha256:" HEX64 " is signer bob's at the same time, line 11", BASE },
	{ BASE "certificate = sha256:" HEX64 "\n[signer \"c\"]\ncertificate = sha256:" COLONS "\n",
	  "13: certificate sha256:", BASE },

	/* [role] */
	{ BASE "[role \"r\"]\n", "11: `signer' is missing in this [role]",
	  BASE "[role \"r\"]\nsigner = alice\n" },
	{ BASE "[role \"r\"]\nsigner = carol\n", "12: there is no signer \"carol\"",
	  BASE "[role \"r\"]\nsigner = alice\nsigner = bob\n" },
	{ BASE "[role \"r\"]\nsigner = alice\nsigner = alice\n", "13: signer alice stands twice",
	  BASE },
	{ BASE "[role \"r\"]\nsigner = role:x\n",
	  "12: signer = role:x in a role (a role lists names", BASE },
	{ BASE "[role \"r\"]\nsigner = anyone\n", "12: signer = anyone in a role", BASE },
	{ BASE "[role \"r\"]\nsigner = alice\n[role \"r\"]\nsigner = bob\n",
	  "13: this section stands already at line 11", BASE },
	{ BASE "[role \"r\"]\nmember = alice\nsigner = bob\n", "12: unknown key `member' in [role]",
	  BASE },

	/* [rule] */
	{ BASE "[rule \"x\"]\nsigner = alice\n", "11: `ref' is missing in this [rule]", BASE RULE },
	{ BASE "[rule \"x\"]\nref = refs/x\n", "11: `signer' is missing in this [rule]",
	  BASE RULE },
	{ BASE "[rule \"x\"]\nref = refs/x\ncommits = any\n", "11: `signer' is missing",
	  BASE RULE },
	{ BASE RULE RULE, "14: this section stands already at line 11", BASE RULE },
	{ BASE RULE "ref = heads/x\n",
	  "14: ref is \"heads/x\" (write the full name: refs/heads/main)",
	  BASE RULE "ref = refs/heads/x\n" },
	{ BASE RULE "ref = !refs/heads/x\n", "14: ref is \"!refs/heads/x\" (there is no negation",
	  BASE RULE "ref = refs/heads/x*\n" },
	{ BASE RULE "ref = refs/heads/?\n", "14: ref is \"refs/heads/?\" (the only wildcards are",
	  BASE RULE "ref = refs/heads/**\n" },
	{ BASE RULE "ref = refs/heads/[ab]\n", "14: ref is \"refs/heads/[ab]\" (the only", BASE },
	{ BASE RULE "ref = \"refs/heads/\\\\*\"\n", "14: ref is \"refs/heads/\\x5c*\" (the only",
	  BASE },
	{ BASE RULE "ref = refs/heads/***\n", "14: ref is \"refs/heads/***\" (* stops", BASE },
	{ BASE RULE "ref = refs/heads/a..*\n", "14: ref is \"refs/heads/a..*\" (git allows no ref",
	  BASE RULE "ref = refs/heads/a.*.b\n" },
	{ BASE RULE "ref = refs/heads/*.lock\n", "14: ref is \"refs/heads/*.lock\" (git allows",
	  BASE RULE "ref = refs/heads/*.lock*\n" },
	{ BASE RULE "ref = refs/heads//*\n", "14: ref is \"refs/heads//*\" (git allows", BASE },
	{ BASE RULE "commits = sined\n", "14: commits is \"sined\" (write signed, tip or any)",
	  BASE RULE "commits = tip\n" },
	{ BASE RULE "commits = firstParent\n",
	  "14: `commits = firstParent' is not supported by this "
	  "version of gitsign-hsm",
	  BASE RULE "commits = any\n" },
	{ BASE RULE "tag = signed\n", "11: rule \"main\" has `tag', but no ref under refs/tags/",
	  BASE "[rule \"t\"]\nref = refs/tags/*\nsigner = alice\ntag = signed\ntarget = any\n" },
	{ BASE RULE "ref = refs/tags/*\n", "11: rule \"main\" mixes refs/tags/ and other refs",
	  BASE },
	{ BASE RULE "ref = refs/tags/*\ntag = any\n", "11: rule \"main\" mixes refs/tags/", BASE },
	{ BASE "[rule \"t\"]\nref = refs/tags/*\nsigner = alice\ntag = any\ncommits = any\n",
	  "11: rule \"t\" has both `tag' and `commits'",
	  BASE "[rule \"t\"]\nref = refs/tags/*\nsigner = alice\ntag = any\ntarget = any\n" },
	{ BASE "[rule \"t\"]\nref = refs/tags/*\nsigner = alice\ntag = yes\ntarget = any\n",
	  "14: tag is \"yes\" (write signed or any)",
	  BASE "[rule \"t\"]\nref = refs/tags/*\nsigner = alice\ncommits = signed\n" },
	{ BASE RULE "signer = carol\n",
	  "14: there is no signer \"carol\" (add a [signer \"carol\"]",
	  BASE RULE "signer = bob\n" },
	{ BASE RULE "signer = role:x\n", "14: there is no role \"x\"",
	  BASE RULE "signer = role:x\n[role \"x\"]\nsigner = alice\n" },
	{ BASE RULE "signer = trust:corp\n",
	  "14: signer = trust:corp, but [trust \"corp\"] has no "
	  "emailDomain",
	  DOMAIN RULE "signer = trust:corp\n" },
	{ DOMAIN RULE "signer = trust:other\n", "15: there is no trust \"other\"", DOMAIN RULE },
	{ DOMAIN RULE "signer = trust:corp\nsigner = trust:corp\n",
	  "16: signer = trust:corp stands "
	  "twice",
	  DOMAIN RULE "signer = trust:corp\n" },
	{ DOMAIN RULE "signer = trust:corp\ncommitter = any\n",
	  "15: signer = trust:corp beside "
	  "committer = any",
	  DOMAIN RULE "signer = trust:corp\ncommitter = match\n" },
	{ DOMAIN "[rule \"x\"]\nref = refs/x\nsigner = anyone\nsigner = trust:corp\n",
	  "15: signer = anyone stands with other signers",
	  DOMAIN "[rule \"x\"]\nref = refs/x\nsigner = trust:corp\n" },
	{ DOMAIN "[role \"r\"]\nsigner = trust:corp\n", "13: signer = trust:corp in a role",
	  DOMAIN },
	{ BASE RULE "signer = anyone\n", "14: signer = anyone stands with other signers",
	  BASE "[rule \"x\"]\nref = refs/x\nsigner = anyone\n" },
	{ BASE "[rule \"x\"]\nref = refs/x\nsigner = anyone\nsigner = anyone\n",
	  "14: signer = anyone stands with", BASE },
	{ BASE RULE "committer = known\n", "14: committer is \"known\" (write match or any)",
	  BASE RULE "committer = any\n" },
	{ BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\n" RULE "signer = c\n",
	  "16: signer c has no email, so that no committer can match",
	  BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\n" RULE "signer = c\ncommitter = any\n" },
	{ BASE RULE "rewind = yes\n", "14: rewind is \"yes\" (write deny or allow)",
	  BASE RULE "rewind = allow\n" },
	{ BASE RULE "delete = Allow\n", "14: delete is \"Allow\"", BASE RULE "delete = deny\n" },
	{ BASE RULE "keylessUpdate = true\n", "14: keylessUpdate is \"true\"",
	  BASE RULE "keylessupdate = allow\n" },
	{ BASE RULE "mode = reports\n", "14: mode is \"reports\"", BASE RULE "mode = report\n" },
	{ BASE RULE "mode = report\nmode = report\n", "15: `mode' stands twice", BASE },
	{ BASE RULE "approvals = 2\n", "14: `approvals' is not supported by this version", BASE },
	{ BASE RULE "target = any\n",
	  "11: rule \"main\" judges commits: `target' is for rules with "
	  "`tag'",
	  BASE RULE RULE_T },
	{ BASE RULE_TA,
	  "11: rule \"t\" lets tags point at accepted commits only, but names no rule that "
	  "accepts them (write accepts = RULE, or target = any)",
	  BASE RULE_TA "accepts = x\n" RULE_X },
	{ BASE RULE_TA "tag = any\ntarget = accepted\n",
	  "11: rule \"t\" lets tags point at accepted",
	  BASE RULE_TA "tag = any\ntarget = accepted\naccepts = x\n" RULE_X },
	{ BASE RULE_TA "target = all\naccepts = x\n" RULE_X,
	  "14: target is \"all\" (write accepted or any)",
	  BASE RULE_TA "target = accepted\naccepts = x\n" RULE_X },
	{ BASE RULE_TA "accepts = u\n[rule \"u\"]\nref = refs/tags/u\ntarget = any\nsigner = bob\n",
	  "14: rule u judges tag objects", BASE },
	{ BASE RULE "pusher = carol\n", "14: there is no signer \"carol\"",
	  BASE RULE "pusher = bob\n" },
	{ BASE RULE "pusher = role:x\n", "14: there is no role \"x\"",
	  BASE "[role \"x\"]\nsigner = bob\n" RULE "pusher = role:x\n" },
	{ BASE RULE "pusher = anyone\npusher = bob\n",
	  "15: pusher = anyone stands with other pushers", BASE RULE "pusher = anyone\n" },
	{ BASE RULE "pusher = trust:corp\n",
	  "14: pusher = trust:corp, but [trust \"corp\"] has no "
	  "emailDomain",
	  DOMAIN RULE "pusher = trust:corp\ncommitter = any\n" },
	{ DOMAIN RULE "pusher = trust:x\n", "15: there is no trust \"x\"", DOMAIN RULE },
	/* One without an e-mail makes no commits here, but may push. */
	{ BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\n" RULE "pusher = c\nsigner = c\n",
	  "17: signer c has no email",
	  BASE "[signer \"c\"]\nspki = sha256:" HEX64 "\n" RULE "pusher = c\n" },
	{ BASE RULE "accepts = x\n", "14: there is no rule \"x\" (add a [rule \"x\"] section",
	  BASE RULE "accepts = x\n" RULE_X },
	{ BASE RULE "accepts = main\n", "14: a rule accepts its own commits already", BASE RULE },
	{ BASE RULE "accepts = x\naccepts = x\n" RULE_X, "15: rule x stands twice here",
	  BASE RULE "accepts = x\n" RULE_X },
	{ BASE RULE "accepts = x\n" RULE_X "mode = report\n", "14: rule x is in report mode",
	  BASE RULE "accepts = x\n" RULE_X "mode = enforce\n" },
	{ BASE RULE "accepts = t\n" RULE_T, "14: rule t judges tag objects", BASE RULE RULE_T },
	{ BASE RULE "accepts = x\n" RULE_X "accepts = main\n",
	  "14: rule \"main\" accepts, by way of "
	  "others, itself",
	  BASE RULE "accepts = x\n" RULE_X },
	{ BASE RULE "accepts = x\n" RULE_X "accepts = y\n" RULE_Y "accepts = main\n",
	  "14: rule \"main\" accepts, by way of others, itself",
	  BASE RULE "accepts = x\naccepts = y\n" RULE_X "accepts = y\n" RULE_Y },
	{ BASE RULE_T "accepts = x\n" RULE_X, "11: rule \"t\" has `accepts' beside target = any",
	  BASE RULE_T RULE_X },
	{ BASE RULE_T "roots = any\n", "11: rule \"t\" judges tag objects: `roots'",
	  BASE RULE "roots = any\n" },
	{ BASE RULE_T "author = any\n", "11: rule \"t\" judges tag objects: `author'",
	  BASE RULE "author = any\n" },
	{ BASE RULE "author = match\ncommits = any\n",
	  "11: rule \"main\" has `author' beside commits = any",
	  BASE RULE "author = match\ncommits = tip\n" },
	{ BASE RULE_T "rewind = allow\n", "11: rule \"t\" has rewind = allow, but a signed tag",
	  BASE RULE_T "rewind = allow\ntag = any\n" },
	{ BASE RULE "author = me\n", "14: author is \"me\" (write any, match or known)",
	  BASE RULE "author = known\n" },
	{ BASE RULE "format = x509\n", "14: `format' is not supported by this version", BASE },
	{ BASE RULE "pushCertificate = yes\n",
	  "14: pushCertificate is \"yes\" (write optional or required)",
	  BASE RULE "pushCertificate = required\n" },
	{ BASE RULE "pushCertificate = optional\npushCertificate = required\n",
	  "15: `pushCertificate' stands twice", BASE RULE "pushCertificate = optional\n" },
	{ BASE RULE "roots = all\n", "14: roots is \"all\" (write introduced or any)",
	  BASE RULE "roots = introduced\n" },
	{ BASE RULE "mergetag = known\n", "14: `mergetag' is not supported by this version", BASE },
	{ BASE RULE "expiryGrace = 367d\n",
	  "14: expiryGrace is \"367d\" (write a time from 0 to 366d",
	  BASE RULE "expiryGrace = 366d\n" },
	{ BASE RULE "expiryGrace = -1\n", "14: expiryGrace is \"-1\"",
	  BASE RULE "expiryGrace = 0\n" },
	{ BASE RULE "timestamp = x\n", "14: `timestamp' is not supported by this version", BASE },
	{ BASE RULE "service = x\n", "14: `service' is not supported by this version", BASE },
	{ BASE RULE "comits = signed\n", "14: unknown key `comits' in [rule]", BASE },
	{ BASE RULE "[rule \"b\"]\nref = refs/heads/main\nsigner = bob\n",
	  "14: rule \"b\" ties with rule \"main\", line 11: refs/heads/main and refs/heads/main",
	  BASE RULE "[rule \"b\"]\nref = refs/heads/main\nsigner = bob\nmode = report\n" },
	{ BASE "[rule \"a\"]\nref = refs/heads/*\nsigner = bob\n[rule \"b\"]\nref = refs/heads/**\n"
	       "signer = bob\n",
	  "14: rule \"b\" ties with rule \"a\", line 11: refs/heads/** and refs/heads/*",
	  BASE "[rule \"a\"]\nref = refs/heads/*\nref = refs/heads/**\nsigner = bob\n" },
	{ BASE "[rule \"a\"]\nref = refs/heads/*a*\nsigner = bob\n[rule \"b\"]\nref = refs/x\n"
	       "ref = refs/heads/*b*\nsigner = bob\n",
	  "14: rule \"b\" ties with rule \"a\"",
	  BASE "[rule \"a\"]\nref = refs/heads/*a\nsigner = bob\n[rule \"b\"]\nref = refs/x\n"
	       "ref = refs/heads/*b\nsigner = bob\n" },

	/* [algorithms], [limits] */
	{ BASE "[algorithms]\nrsaBits = 1024\n",
	  "12: rsaBits is \"1024\" (write a whole number from 2048 to 16384)",
	  BASE "[algorithms]\nrsaBits = 2048\n" },
	{ BASE "[algorithms]\nrsaBits = 16385\n", "12: rsaBits is \"16385\"",
	  BASE "[algorithms]\nrsaBits = 16384\n" },
	{ BASE "[algorithms]\nkey = dsa\n", "12: key is \"dsa\"",
	  BASE "[algorithms]\nkey = rsa\n" },
	{ BASE "[algorithms]\nkey = p256\nrsaBits = 4096\n", "13: rsaBits without RSA keys",
	  BASE "[algorithms]\nkey = p256\nrsaBits = 4096\nkey = rsa\n" },
	{ BASE "[algorithms]\nhash = sha1\n", "12: hash is \"sha1\"",
	  BASE "[algorithms]\nhash = sha384\n" },
	{ BASE "[limits]\nobjectSize = 4095\n", "12: objectSize is \"4095\" (write a size from 4k",
	  BASE "[limits]\nobjectSize = 4096\n" },
	{ BASE "[limits]\nthreads = 0\n", "12: threads", BASE "[limits]\nthreads = 1\n" },
	{ BASE "[limits]\nthreads = 65\n", "12: threads", BASE "[limits]\nthreads = 64\n" },
	{ BASE "[limits]\nobjectSize = 65m\n", "12: objectSize is \"65m\"",
	  BASE "[limits]\nobjectSize = 64M\n" },
	{ BASE "[limits]\ntime = 0\n", "12: time is \"0\" (write a time from 1s to 24h)",
	  BASE "[limits]\ntime = 1s\n" },
	{ BASE "[limits]\ntime = 25h\n", "12: time is \"25h\"", BASE "[limits]\ntime = 1d\n" },
	{ BASE "[limits]\ntime = soon\n", "12: time is \"soon\"", BASE "[limits]\ntime = 90\n" },
	{ BASE "[limits]\nrefs = 0\n", "12: refs is \"0\" (write a whole number from 1 to 500000)",
	  BASE "[limits]\nrefs = 1\n" },
	{ BASE "[limits]\nrefs = 500001\n", "12: refs is \"500001\"",
	  BASE "[limits]\nrefs = 500000\n" },
	{ BASE "[limits]\nobjects = 1\n",
	  "12: unknown key `objects' in [limits] (its keys: objectSize, time, refs, threads)",
	  BASE },
};

START_TEST(wrong)
{
	struct policy *p;
	struct err err = ERR_INIT;
	_cleanup_free_ char *expected = xasprintf("dir/policy:%s", cases[_i].fault);

	ck_assert_msg(parse(cases[_i].wrong, &p, &err) == ERR_CONFIG, "%d is taken, not: %s", _i,
		      expected);
	ck_assert_ptr_null(p);
	ck_assert_msg(strncmp(err.text, expected, strlen(expected)) == 0, "%d: %s, expected: %s",
		      _i, err.text, expected);
	ck_assert_msg(!strchr(err.text, '\n'), "%d: one fault, not: %s", _i, err.text);
}
END_TEST

START_TEST(right)
{
	struct policy *p;
	struct err err = ERR_INIT;

	ck_assert_msg(parse(cases[_i].right, &p, &err) == 0, "%d: %s", _i, err.text);
	ck_assert_ptr_nonnull(p);
	policy_free(p);
}
END_TEST

/* --- many faults --------------------------------------------------------------------------- */

START_TEST(all_faults_in_order)
{
	static const char text[] = POLICY
		"modus = x\n" TRUST RULE "signer = carol\nrewind = yes\n" ALICE "trust = nowhere\n";
	static const char *const lines[] = {
		"dir/policy:3: unknown key `modus'",
		"dir/policy:9: there is no signer \"carol\"",
		"dir/policy:10: rewind is \"yes\"",
		"dir/policy:14: there is no trust \"nowhere\"",
	};
	struct err err = ERR_INIT;
	struct policy *p;
	char *at = err.text;

	ck_assert_int_eq(parse(text, &p, &err), ERR_CONFIG);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_msg(strncmp(at, lines[i], strlen(lines[i])) == 0, "%s\nlacks: %s",
			      err.text, lines[i]);
		at = strchrnul(at, '\n');
		at += *at != '\0';
	}
	ck_assert_msg(*at == '\0', "%s", err.text);
}
END_TEST

/* Both lie within the first one's window, but not in each other's. */
START_TEST(all_overlaps)
{
	static const char text[] = POLICY TRUST ALICE
		"[signer \"b\"]\nemail = alice@example.com\ntrust = corp\nvalidFrom = 2027-01-01\n"
		"validUntil = 2028-01-01\n"
		"[signer \"c\"]\nemail = alice@example.com\ntrust = corp\nvalidFrom = 2029-01-01\n";
	struct err err = ERR_INIT;
	struct policy *p;

	ck_assert_int_eq(parse(text, &p, &err), ERR_CONFIG);
	ck_assert_msg(strstr(err.text, "policy:9: email alice@example.com is signer alice's") &&
			      strstr(err.text,
				     "policy:14: email alice@example.com is signer alice's"),
		      "%s", err.text);
}
END_TEST

START_TEST(more_than_fit)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct policy *p;
	unsigned shown = 1, more = 0;
	const char *last;

	buf_add_str(&text, BASE);
	for (int i = 0; i < 200; i++)
		buf_addf(&text, "email%d = x\n", i);
	ck_assert_int_eq(parse(buf_str(&text), &p, &err), ERR_CONFIG);
	for (const char *s = err.text; (s = strchr(s, '\n')); s++)
		shown++;
	last = strrchr(err.text, '\n');
	ck_assert_ptr_nonnull(last);
	ck_assert_int_eq(sscanf(last, "\nand %u more faults", &more), 1);
	ck_assert_uint_eq(shown - 1 + more, 200);
	buf_free(&text);
}
END_TEST

/* Values of the file are somebody's bytes. */
START_TEST(faults_are_printable)
{
	struct err err = ERR_INIT;
	struct policy *p;

	ck_assert_int_eq(parse(BASE "email = \"\x1b[31m\xe2\x80\xae\"\n", &p, &err), ERR_CONFIG);
	ck_assert_msg(strstr(err.text, "11: email is \"\\x1b[31m\\xe2\\x80\\xae\""), "%s",
		      err.text);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("policy_faults");
	TCase *t = tcase_create("faults");

	policy_text_open();
	tcase_add_loop_test(t, wrong, 0, COUNT(cases));
	tcase_add_loop_test(t, right, 0, COUNT(cases));
	tcase_add_test(t, all_faults_in_order);
	tcase_add_test(t, all_overlaps);
	tcase_add_test(t, more_than_fit);
	tcase_add_test(t, faults_are_printable);
	suite_add_tcase(s, t);
	return policy_text_run(s);
}
