/* cred: which profile holds for a URL, and which profiles are refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cred/profile.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define WHOLE                                                               \
	"hsmIssuer = https://as\nhsmClientId = c\nhsmKey = pkcs11:id=%01\n" \
	"hsmGrant = client_credentials\n"

static struct gitconf conf = GITCONF_INIT;

static int find(const char *text, const char *url, struct cred_profile *p, bool *found,
		struct err *e)
{
	struct cred_url target;
	int r;

	gitconf_free(&conf);
	ck_assert_msg(gitconf_parse(&conf, bytes_str(text), "test", e) == 0, "%s", e->text);
	ck_assert_int_eq(cred_url_parse(url, &target, e), 0);
	r = cred_profile_find(&conf, &target, p, found, e);
	cred_url_free(&target);
	ck_assert(r == 0 || !*found);
	return r;
}

static struct cred_profile good(const char *text, const char *url)
{
	struct cred_profile p;
	struct err e = ERR_INIT;
	bool found;

	ck_assert_msg(find(text, url, &p, &found, &e) == 0, "%s: %s", url, e.text);
	ck_assert_msg(found, "%s", url);
	return p;
}

static void nothing(const char *text, const char *url)
{
	struct cred_profile p;
	struct err e = ERR_INIT;
	bool found;

	ck_assert_msg(find(text, url, &p, &found, &e) == 0, "%s: %s", url, e.text);
	ck_assert_msg(!found, "%s", url);
}

static void bad(int code, const char *text, const char *url, const char *why)
{
	struct cred_profile p;
	struct err e = ERR_INIT;
	bool found;

	ck_assert_msg(find(text, url, &p, &found, &e) == code, "%s: %s", text, e.text);
	ck_assert_msg(strstr(e.text, why) != NULL, "%s: %s", text, e.text);
}

START_TEST(a_profile)
{
	struct cred_profile p =
		good("[credential \"https://Git.Example:443/\"]\n" WHOLE
		     "hsmScope = a b\nhsmAudience = x\nhsmResource = urn:x\n"
		     "hsmCertificate = /c.pem\nhsmStore = session\nhsmTimeout = 2m\n",
		     "https://git.example/a/b.git");

	ck_assert_str_eq(p.url, "https://git.example");
	ck_assert_int_eq(p.grant, CRED_CLIENT_CREDENTIALS);
	ck_assert_int_eq(p.auth, CRED_PRIVATE_KEY_JWT);
	ck_assert_int_eq(p.store, CRED_SESSION);
	ck_assert_int_eq(p.timeout, 120);
	ck_assert_str_eq(p.issuer, "https://as");
	ck_assert_str_eq(p.client_id, "c");
	ck_assert_str_eq(p.key, "pkcs11:id=%01");
	ck_assert_str_eq(p.scope, "a b");
	ck_assert_str_eq(p.audience, "x");
	ck_assert_str_eq(p.resource, "urn:x");
	ck_assert_str_eq(p.certificate, "/c.pem");
	cred_profile_free(&p);
}
END_TEST

/* What is not named gets nothing. */
START_TEST(denied_by_default)
{
	const char *one = "[credential \"https://h\"]\n" WHOLE;

	nothing("", "https://h");
	nothing("[credential]\n" WHOLE, "https://h");
	nothing(one, "https://h.evil");
	nothing(one, "https://x.h");
	nothing(one, "https://h:8443");
	nothing(one, "http://other");
	nothing("[credential \"https://*.h\"]\n" WHOLE, "https://x.h");
	nothing("[credential \"h\"]\n" WHOLE, "https://h");
	nothing("[credential \"http://h\"]\n" WHOLE, "http://h");
	nothing("[credential \"https://h/a\"]\n" WHOLE, "https://h/ab");
	nothing("[credential \"https://h\"]\nhelper = hsm\nusername = u\n", "https://h");
	nothing("[credentials \"https://h\"]\n" WHOLE, "https://h");
}
END_TEST

START_TEST(the_most_exact_wins)
{
	const char *text = "[credential \"https://h/org/repo\"]\nhsmScope = repo\n"
			   "[credential \"https://h\"]\n" WHOLE "hsmScope = host\n"
			   "[credential \"https://h/org\"]\nhsmScope = org\nhsmScope = org2\n";
	struct cred_profile p = good(text, "https://h/other");

	ck_assert_str_eq(p.scope, "host");
	ck_assert_str_eq(p.url, "https://h");
	cred_profile_free(&p);
	p = good(text, "https://h/org/x");
	ck_assert_str_eq(p.scope, "org2");
	ck_assert_str_eq(p.url, "https://h/org");
	cred_profile_free(&p);
	p = good(text, "https://h/org/repo");
	ck_assert_str_eq(p.scope, "repo");
	ck_assert_str_eq(p.url, "https://h/org/repo");
	ck_assert_str_eq(p.client_id, "c");
	cred_profile_free(&p);
}
END_TEST

START_TEST(unset_and_defaults)
{
	struct cred_profile p = good("[credential]\nhsmStore = none\n"
				     "[credential \"https://h\"]\n" WHOLE "hsmScope = x\n"
				     "[credential \"https://h/a\"]\nhsmScope =\n",
				     "https://h/a");

	ck_assert_ptr_null(p.scope);
	ck_assert_int_eq(p.store, CRED_STORE_NONE);
	cred_profile_free(&p);
	p = good("[credential \"https://h\"]\n" WHOLE "hsmStore = session\n"
		 "[credential]\nhsmStore = none\n",
		 "https://h");
	ck_assert_int_eq(p.store, CRED_SESSION);
	cred_profile_free(&p);
	p = good("[credential \"https://h\"]\nhsmIssuer = https://as\nhsmClientId = c\n"
		 "hsmGrant = device_code\n",
		 "https://h");
	ck_assert_int_eq(p.store, CRED_SECRET_SERVICE);
	ck_assert_int_eq(p.auth, CRED_AUTH_NONE);
	cred_profile_free(&p);
	p = good("[credential \"https://h\"]\nhsmClientId = 1\nhsmKey = k\nhsmGrant = github_app\n",
		 "https://h");
	ck_assert_int_eq(p.auth, CRED_AUTH_UNSET);
	cred_profile_free(&p);
}
END_TEST

START_TEST(refused)
{
	const char *const v[][2] = {
		{ "hsmScopes = a\n", "hsmscopes is not known" },
		{ "hsmGrant = password\n", "one of client_credentials, device_code" },
		{ "hsmGrant = none\n", "must be one of" },
		{ "hsmGrant =\n", "hsmGrant is missing" },
		{ "hsmClientId =\n", "hsmClientId is missing" },
		{ "hsmIssuer =\n", "hsmIssuer is missing" },
		{ "hsmKey =\n", "hsmKey is missing" },
		{ "hsmIssuer = http://as\n", "hsmIssuer must be" },
		{ "hsmIssuer = https://as?x\n", "hsmIssuer must be" },
		{ "hsmIssuer = https://u@as\n", "hsmIssuer must be" },
		{ "hsmClientAuth = client_secret_basic\n", "must be one of none" },
		{ "hsmClientAuth = none\n", "cannot be none" },
		{ "hsmClientAuth = none\nhsmGrant = device_code\n", "unset one of them" },
		{ "hsmClientAuth = tls_client_auth\nhsmKey =\n", "hsmKey is missing" },
		{ "hsmClientAuth = private_key_jwt\nhsmGrant = github_app\n", "no meaning" },
		{ "hsmStore = file\n", "secretservice, session, none" },
		{ "hsmTimeout = 0\n", "from 1s to 10m" },
		{ "hsmTimeout = 11m\n", "from 1s to 10m" },
		{ "hsmTimeout = soon\n", "from 1s to 10m" },
		{ "hsmKey = pkcs11:object=k?pin-value=1234\n", "must not hold a PIN" },
		{ "hsmCertificate = c.pem\n", "absolute path" },
		{ "hsmScope = \"a\\\"b\"\n", "hsmScope must be" },
		{ "hsmScope = \"a\\nb\"\n", "hsmScope must be" },
		{ "hsmAudience = a b\n", "hsmAudience must be" },
		{ "hsmResource = a\n", "hsmResource must be" },
		{ "hsmResource = \"urn:a#b\"\n", "hsmResource must be" },
		{ "hsmClientId = \"a\\nb\"\n", "hsmClientId must be" },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct buf b = BUF_INIT;

		buf_addf(&b, "[credential \"https://h\"]\n%s%s", WHOLE, v[i][0]);
		bad(ERR_CONFIG, buf_str(&b), "https://h", v[i][1]);
		/* Another host's faults are not ours. */
		nothing(buf_str(&b), "https://other");
		buf_free(&b);
	}
}
END_TEST

START_TEST(near_misses)
{
	const char *host = "[credential \"https://h\"]\n" WHOLE;
	const char *path = "[credential \"https://h/org\"]\n" WHOLE;

	bad(ERR_INPUT, host, "http://h", "use https://h");
	bad(ERR_INPUT, host, "http://h:8080/x", "use https://h");
	bad(ERR_CONFIG, path, "https://h", "credential.https://h.useHttpPath true");
	bad(ERR_CONFIG, "[credential \"https://h:81/org\"]\n" WHOLE, "https://u@h:81",
	    "credential.https://h:81.useHttpPath true");
	nothing(path, "https://h/other");
	nothing(path, "https://h:444");
}
END_TEST

static char *id(const char *more)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct cred_profile p;

	buf_addf(&text, "[credential \"https://h\"]\n%s%s", WHOLE, more);
	p = good(buf_str(&text), "https://h");
	cred_profile_id(&out, &p);
	cred_profile_free(&p);
	buf_free(&text);
	return buf_detach(&out);
}

/* Whatever changes the token changes the name that it is kept under; the store does not. */
START_TEST(ids)
{
	const char *const v[] = { "hsmScope = s\n",
				  "hsmAudience = a\n",
				  "hsmResource = urn:a\n",
				  "hsmClientId = d\n",
				  "hsmKey = k\n",
				  "hsmIssuer = https://b\n",
				  "hsmCertificate = /c\n",
				  "hsmClientAuth = tls_client_auth\n",
				  "hsmGrant = token_exchange\nhsmSubjectToken = env:T\n",
				  "hsmSubjectToken = file:/t\n",
				  "hsmProvider = gitlab\n",
				  "hsmPermissions = contents=read\n",
				  "hsmRepositories = a,b\n",
				  "hsmInstallation = 7\n" };
	char *base = id(""), *other = id("hsmStore = none\n");

	ck_assert_str_eq(base, other);
	free(other);
	for (size_t i = 0; i < N(v); i++) {
		other = id(v[i]);
		ck_assert_msg(strcmp(base, other) != 0, "%s", v[i]);
		free(other);
	}
	other = id("hsmKey = \"k\\nhsmScope=s\"\n");
	ck_assert_ptr_null(strstr(other, "\nhsmScope"));
	free(other);
	free(base);
}
END_TEST

/* A GitHub App's token is for one owner, and may be for one repository. */
START_TEST(request_ids)
{
	const struct {
		const char *more, *url, *want;
	} v[] = {
		{ "hsmGrant = github_app\n", "https://h/Acme/Widgets.git", "owner=acme\n" },
		{ "hsmGrant = github_app\n", "https://h", "" },
		{ "hsmGrant = github_app\nhsmInstallation = 7\n", "https://h/a/b", "" },
		{ "hsmGrant = github_app\nhsmRepositories = this\n", "https://h/Acme/Widgets.git",
		  "owner=acme\nrepository=widgets\n" },
		{ "", "https://h/Acme/Widgets.git", "" },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct buf text = BUF_INIT, out = BUF_INIT;
		struct cred_profile p;
		struct cred_url target;

		buf_addf(&text, "[credential \"https://h\"]\n%s%s", WHOLE, v[i].more);
		p = good(buf_str(&text), v[i].url);
		ck_assert_int_eq(cred_url_parse(v[i].url, &target, NULL), 0);
		cred_profile_request_id(&out, &p, &target);
		ck_assert_str_eq(buf_str(&out), v[i].want);
		cred_url_free(&target);
		cred_profile_free(&p);
		buf_free(&text);
		buf_free(&out);
	}
}
END_TEST

START_TEST(further_settings)
{
	const struct {
		const char *more, *why;
	} v[] = {
		{ "hsmGrant = token_exchange\n", "hsmSubjectToken is missing" },
		{ "hsmSubjectToken = /path\n", "hsmSubjectToken must be" },
		{ "hsmSubjectToken = env:\n", "hsmSubjectToken must be" },
		{ "hsmProvider = bitbucket\n", "one of discovery, github, gitlab, gitea" },
		{ "hsmAssertion = both\n", "one of issuer, token_endpoint" },
		{ "hsmKeyShared = 1\n", "one of false, true" },
		{ "hsmPermissions = a=b c=d\n", "hsmPermissions must be" },
		{ "hsmRepositories = \"a\\tb\"\n", "hsmRepositories must be" },
		{ "hsmPermissions = a=b\nhsmRepositories = a b\n", "hsmRepositories must be" },
		{ "hsmInstallation = x7\n", "hsmInstallation must be a number" },
		{ "hsmRedirect = http://evil.example/cb\n", "hsmRedirect must be" },
		{ "hsmRedirect = http://127.0.0.1.evil/cb\n", "hsmRedirect must be" },
		{ "hsmRedirect = http://127.0.0.1:80@evil/cb\n", "hsmRedirect must be" },
		{ "hsmRedirect = http://localhost:81\n", "hsmRedirect must be" },
		{ "hsmUsername = a:b\n", "hsmUsername must be" },
	};
	struct buf text = BUF_INIT;
	struct cred_profile p;

	for (size_t i = 0; i < N(v); i++) {
		buf_clear(&text);
		buf_addf(&text, "[credential \"https://h\"]\n%s%s", WHOLE, v[i].more);
		bad(ERR_CONFIG, buf_str(&text), "https://h", v[i].why);
	}
	buf_free(&text);
	p = good("[credential \"https://h\"]\n" WHOLE
		 "hsmSubjectToken = env:T\nhsmProvider = gitea\nhsmAssertion = token_endpoint\n"
		 "hsmKeyShared = true\nhsmPermissions = a=b\nhsmRepositories = this\n"
		 "hsmInstallation = 7\nhsmRedirect = http://[::1]:81/cb\nhsmUsername = u\n"
		 "hsmKeyId = k\n",
		 "https://h");
	ck_assert(p.provider == CRED_GITEA && p.assertion_for_endpoint && p.key_shared);
	ck_assert_str_eq(p.redirect, "http://[::1]:81/cb");
	cred_profile_free(&p);
}
END_TEST

static void done(void)
{
	gitconf_free(&conf);
}

int main(void)
{
	Suite *s = suite_create("cred_profile");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, NULL, done);
	tcase_add_test(t, a_profile);
	tcase_add_test(t, denied_by_default);
	tcase_add_test(t, the_most_exact_wins);
	tcase_add_test(t, unset_and_defaults);
	tcase_add_test(t, refused);
	tcase_add_test(t, near_misses);
	tcase_add_test(t, ids);
	tcase_add_test(t, request_ids);
	tcase_add_test(t, further_settings);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
