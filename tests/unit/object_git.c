/*
 * object: what a real git writes is accepted, and what it hands to a verifier as the
 * signed text is what we take for it; its own opinion of names beside ours.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"
#include "object/object.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char home[64];
static char env_home[80], env_path[4096], env_dates[2][64];
static const char *env[16];

/* Stands in for gpg: signs with a constant, keeps what it is told to verify. */
static const char signer[] =
	"#!/bin/sh\n"
	"case \"$*\" in\n"
	"*--verify*) for a; do [ \"$a\" = - ] || file=$a; done\n"
	"  cat >\"$HOME/payload\"; cp \"$file\" \"$HOME/signature\"\n"
	"  echo '[GNUPG:] NEWSIG'; echo '[GNUPG:] GOODSIG 0 x' ;;\n"
	"*) cat >/dev/null; echo '[GNUPG:] SIG_CREATED ' >&2\n"
	"  printf -- '-----BEGIN SIGNED MESSAGE-----\\nTUlJQw==\\n-----END SIGNED MESSAGE-----\\n' ;;\n"
	"esac\n";

static void write_file(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", home, name);
	struct err err = ERR_INIT;

	ck_assert_msg(os_file_replace(path, bytes_str(text), mode, &err) == 0, "%s", err.text);
}

/* Runs a script in `home`; its output, which the caller frees. */
static char *sh(const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct proc_opts opts = { .env = env, .dir = home, .errors = &errors };
	struct err err = ERR_INIT;
	int status = -1;

	ck_assert_msg(proc_run(argv, &opts, &out, &status, &err) == 0, "%s", err.text);
	ck_assert_msg(status == 0, "%s\n%s", script, buf_str(&errors));
	buf_free(&errors);
	return buf_detach(&out);
}

static void run(const char *script)
{
	free(sh(script));
}

static struct buf object(const char *type, const char *name)
{
	_cleanup_free_ char *script = xasprintf("git cat-file %s '%s'", type, name);
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc_opts opts = { .env = env, .dir = home };
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int status = -1;

	ck_assert_int_eq(proc_run(argv, &opts, &out, &status, &err), 0);
	ck_assert_int_eq(status, 0);
	return out;
}

static void setup(void)
{
	_cleanup_free_ char *config = NULL;

	snprintf(home, sizeof(home), "/tmp/gh-object.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	snprintf(env_home, sizeof(env_home), "HOME=%s", home);
	snprintf(env_path, sizeof(env_path), "PATH=%s", getenv("PATH"));
	snprintf(env_dates[0], sizeof(env_dates[0]), "GIT_AUTHOR_DATE=1700000000 +0545");
	snprintf(env_dates[1], sizeof(env_dates[1]), "GIT_COMMITTER_DATE=1700000001 -0330");
	env[0] = env_home;
	env[1] = env_path;
	env[2] = env_dates[0];
	env[3] = env_dates[1];
	env[4] = "GIT_CONFIG_NOSYSTEM=1";
	env[5] = "LC_ALL=C";
	env[6] = "GIT_EDITOR=true";
	env[7] = NULL;
	write_file("signer", signer, 0700);
	config = xasprintf("[user]\nname = Alice\nemail = alice@example.com\nsigningKey = k\n"
			   "[gpg]\nformat = x509\n[gpg \"x509\"]\nprogram = %s/signer\n"
			   "[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n",
			   home);
	write_file(".gitconfig", config, 0600);
}

static void teardown(void)
{
	const char *argv[] = { "rm", "-rf", home, NULL };
	struct proc_opts opts = { .env = env };
	struct buf out = BUF_INIT;
	int status;

	proc_run(argv, &opts, &out, &status, NULL);
	buf_free(&out);
}

/* What git gave its verifier, against ours. */
static void same_as_git(const char *verify, const char *name, const struct bytes *payload,
			const struct buf *signature)
{
	_cleanup_free_ char *script = xasprintf("git %s '%s'", verify, name);
	struct buf ours = BUF_INIT, theirs = BUF_INIT;
	_cleanup_free_ char *path = xasprintf("%s/payload", home);
	struct err err = ERR_INIT;

	run(script);
	for (size_t i = 0; i < OBJECT_PAYLOAD_PIECES; i++)
		buf_add_bytes(&ours, payload[i]);
	ck_assert_msg(os_file_read(path, OS_FILE_ANY, 1 << 20, &theirs, &err) == 0, "%s", err.text);
	ck_assert_msg(bytes_eq(buf_bytes(&ours), buf_bytes(&theirs)), "%s: the signed text differs",
		      name);
	buf_clear(&theirs);
	free(path);
	path = xasprintf("%s/signature", home);
	ck_assert_int_eq(os_file_read(path, OS_FILE_ANY, 1 << 20, &theirs, &err), 0);
	ck_assert_str_eq(buf_str(&theirs), buf_str(signature));
	buf_free(&ours);
	buf_free(&theirs);
}

static struct object_commit parse_commit(struct buf *raw, const char *name, uint8_t hash_bytes)
{
	struct object_commit c;
	struct err err = ERR_INIT;

	*raw = object("commit", name);
	ck_assert_msg(object_parse_commit(buf_bytes(raw), hash_bytes, &c, &err) == 0, "%s: %s", name,
		      err.text);
	return c;
}

static void check_commit(const char *name, uint8_t hash_bytes, size_t parents, size_t mergetags,
			 bool is_signed)
{
	struct buf raw;
	struct object_commit c = parse_commit(&raw, name, hash_bytes);

	ck_assert_msg(c.parents_n == parents && c.mergetags_n == mergetags, "%s", name);
	ck_assert_msg((c.signature.n > 0) == is_signed, "%s", name);
	ck_assert(bytes_eq_str(c.author.email, "alice@example.com"));
	ck_assert_int_eq(c.author.when, 1700000000);
	ck_assert_int_eq(c.author.zone, 345);
	ck_assert_int_eq(c.committer.zone, -210);
	if (is_signed)
		same_as_git("verify-commit", name, c.payload, &c.signature);
	else
		ck_assert(bytes_eq(c.payload[0], buf_bytes(&raw)));
	object_commit_free(&c);
	buf_free(&raw);
}

static void check_tag(const char *name, uint8_t hash_bytes, enum object_type type, bool is_signed)
{
	struct buf raw = object("tag", name);
	struct object_tag t;
	struct err err = ERR_INIT;

	ck_assert_msg(object_parse_tag(buf_bytes(&raw), hash_bytes, &t, &err) == 0, "%s: %s", name,
		      err.text);
	ck_assert(bytes_eq_str(t.name, name));
	ck_assert_int_eq(t.target_type, type);
	ck_assert_msg((t.signature.n > 0) == is_signed, "%s", name);
	if (is_signed)
		same_as_git("verify-tag", name, t.payload, &t.signature);
	object_tag_free(&t);
	buf_free(&raw);
}

static const char history[] =
	"git commit -q --allow-empty -m root; git branch plain\n"
	"git commit -q -S --allow-empty -m signed; git branch signed\n"
	"git commit -q -S --allow-empty --allow-empty-message -m ''; git branch silent\n"
	"git commit -q --allow-empty -m \"$(printf 'm\\n\\ngpgsig -----BEGIN PGP SIGNATURE-----\\n"
	"-----BEGIN SIGNED MESSAGE-----\\nx')\"; git branch text\n"
	"git tag -s -m tagged v1; git tag -a -m annotated v2; git tag -s -m blob v3 $(git hash-object"
	" -w signer); git tag -s -m nested v4 v1\n"
	"git checkout -q -b side plain; git commit -q --allow-empty -m side; git tag -s -m m v5\n"
	"git checkout -q -b other plain; git commit -q --allow-empty -m other; git tag -s -m m v6\n"
	"git checkout -q -b octopus text; git merge -q -S -m octopus v5 v6\n"
	"git checkout -q -b merge text; git merge -q -S --no-ff -m merge side\n"
	"git checkout -q -b amended octopus; git commit -q -S --amend -m again\n";

static void check_history(uint8_t hash_bytes)
{
	run(history);
	check_commit("plain", hash_bytes, 0, 0, false);
	check_commit("signed", hash_bytes, 1, 0, true);
	check_commit("silent", hash_bytes, 1, 0, true);
	check_commit("text", hash_bytes, 1, 0, false);
	check_commit("merge", hash_bytes, 2, 0, true);
	check_commit("octopus", hash_bytes, 3, 2, true);
	check_commit("amended", hash_bytes, 3, 2, true);
	check_tag("v1", hash_bytes, OBJECT_COMMIT, true);
	check_tag("v2", hash_bytes, OBJECT_COMMIT, false);
	check_tag("v3", hash_bytes, OBJECT_BLOB, true);
	check_tag("v4", hash_bytes, OBJECT_TAG, true);
}

START_TEST(history_sha1)
{
	run("git init -q .");
	check_history(20);
}
END_TEST

START_TEST(history_sha256)
{
	run("git init -q --object-format=sha256 .");
	check_history(32);
}
END_TEST

START_TEST(encodings)
{
	struct buf raw;
	struct object_commit c;
	struct err err = ERR_INIT;

	run("git init -q .; git -c i18n.commitEncoding=utf8 commit -q -S --allow-empty -m a; git branch a\n"
	    "git -c i18n.commitEncoding=iso-8859-1 commit -q -S --allow-empty -m b; git branch b");
	check_commit("a", 20, 0, 0, true);
	raw = object("commit", "b");
	ck_assert_int_eq(object_parse_commit(buf_bytes(&raw), 20, &c, &err), ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "UTF-8"));
	buf_free(&raw);
}
END_TEST

START_TEST(push_certificate)
{
	struct buf raw;
	struct object_push_cert c;
	struct object_command command;
	struct bytes rest, value;
	struct err err = ERR_INIT;

	run("git init -q .; git init -q --bare to.git\n"
	    "git -C to.git config receive.certNonceSeed seed\n"
	    "git -C to.git config receive.advertisePushOptions true\n"
	    "printf '#!/bin/sh\\necho $GIT_PUSH_CERT >\"$HOME/cert\"\\n' >to.git/hooks/pre-receive\n"
	    "chmod +x to.git/hooks/pre-receive\n"
	    "git commit -q --allow-empty -m one; git tag v1\n"
	    "git push -q --signed -o ci.skip -o 'a b' to.git main v1\n"
	    "git --git-dir=to.git cat-file blob $(cat cert) | git hash-object -w --stdin >blob\n"
	    "git tag -f cert $(cat blob)");
	raw = object("blob", "cert");
	ck_assert_msg(object_parse_push_cert(buf_bytes(&raw), &c, &err) == 0, "%s\n%s", err.text,
		      buf_str(&raw));
	ck_assert(bytes_eq_str(c.pusher, "k"));
	ck_assert(c.when > 1700000000);
	ck_assert(bytes_eq_str(c.pushee, "to.git"));
	ck_assert_uint_gt(c.nonce.n, 10);
	ck_assert_uint_eq(c.options_n, 2);
	rest = c.options;
	ck_assert(object_push_cert_option(&rest, &value) && bytes_eq_str(value, "ci.skip"));
	ck_assert(object_push_cert_option(&rest, &value) && bytes_eq_str(value, "a b"));
	ck_assert_uint_eq(c.commands_n, 2);
	rest = c.commands;
	ck_assert(object_push_cert_command(&rest, &command));
	ck_assert(oid_is_null(&command.old) && bytes_eq_str(command.ref, "refs/heads/main"));
	ck_assert_ptr_nonnull(strstr(buf_str(&c.signature), "-----BEGIN SIGNED MESSAGE-----"));
	object_push_cert_free(&c);
	buf_free(&raw);
}
END_TEST

/* Names that git and we must think the same of. */
static const char *const names[] = {
	"refs/heads/main", "refs/x", "refs/", "refs", "refs//x", "refs/heads/", "/refs/heads/x",
	"refs/heads//x", "refs/heads/a/b/c", "refs/heads/.x", "refs/heads/x.", "refs/heads/x./y",
	"refs/heads/x..y", "refs/heads/...", "refs/heads/a.b", "refs/heads/x.lock",
	"refs/heads/x.lock/y", "refs/heads/.lock", "refs/heads/xlock", "refs/heads/x.lockk",
	"refs/heads/lock", "refs/heads/x.LOCK", "refs/x.lock", "refs/./x", "refs/../x",
	"refs/heads/@", "refs/heads/@{", "refs/heads/@{1}", "refs/heads/@x", "refs/heads/x@",
	"refs/heads/{@}", "refs/@/x", "refs/heads/x{", "refs/heads/ x", "refs/heads/x ",
	"refs/heads/a b", "refs/heads/a~b", "refs/heads/a^b", "refs/heads/a:b", "refs/heads/a?b",
	"refs/heads/a*b", "refs/heads/*", "refs/*/x", "refs/heads/a[b", "refs/heads/a]b",
	"refs/heads/a\\b", "refs/heads/a\tb", "refs/heads/a\nb", "refs/heads/a\x01", "refs/heads/\x7f",
	"refs/heads/a\x1f", "refs/heads/a\rb", "refs/heads/-x", "refs/heads/--", "refs/-/x",
	"refs/heads/a!b", "refs/heads/a\"b", "refs/heads/a#b", "refs/heads/a$b", "refs/heads/a%b",
	"refs/heads/a&b", "refs/heads/a'b", "refs/heads/(a)", "refs/heads/a+b", "refs/heads/a,b",
	"refs/heads/a;b", "refs/heads/a<b>", "refs/heads/a=b", "refs/heads/a_b", "refs/heads/`a`",
	"refs/heads/a|b", "refs/heads/}", "refs/heads/HEAD", "refs/tags/v1.0", "refs/notes/commits",
	"refs/replace/1", "refs/for/main", "refs/heads/\xc3\xa4", "refs/heads/\xe2\x82\xac/x",
	"refs/heads/\xf0\x9f\x98\x80", "refs/heads/x/", "refs/heads/x/.", "refs/heads/x/..",
	"refs/heads/x/.y", "refs/heads/x/y.", "refs/heads/x.y.", "refs/heads/.", "refs/heads/..",
};

START_TEST(ref_names)
{
	for (size_t i = 0; i < N(names); i++) {
		const char *argv[] = { "git", "check-ref-format", names[i], NULL };
		struct proc_opts opts = { .env = env, .dir = home };
		struct buf out = BUF_INIT;
		int status = -1;

		ck_assert_int_eq(proc_run(argv, &opts, &out, &status, NULL), 0);
		ck_assert_msg((status == 0) == object_ref_ok(bytes_str(names[i])),
			      "%s: git says %d", names[i], status);
		buf_free(&out);
	}
}
END_TEST

/* Idents: our opinion is fsck's (which lets two spaces before the date pass before git 2.40). */
START_TEST(fsck_agrees)
{
	static const char *const who[] = {
		"A <a@x> 1 +0000", " <a@x> 1 +0000", "A <> 1 +0000", "<a@x> 1 +0000",
		"A<a@x> 1 +0000", "A <a@x>1 +0000", "A <a@x> 01 +0000", "A <a@x> 0 +0000",
		"A <a@x> 1 +000", "A <a@x> 1 +00000", "A <a@x> 1 0000", "A <a@x> 1", "A <a@x> x +0000",
		"A > <a@x> 1 +0000", "A <a@x> <b@y> 1 +0000", "A <a<x> 1 +0000", "A <a@x> 1  +0000",
		"A a@x 1 +0000", "A <a@x> 1 +9999", "A <a@x> 1 -0000",
		"A <a@x> 99999999999999999999 +0000",
	};

	char ids[N(who)][OID_HEX_MAX] = { "" };
	bool ok[N(who)];
	char *opinion;

	run("git init -q .; git hash-object -w -t tree /dev/null");
	for (size_t i = 0; i < N(who); i++) {
		_cleanup_free_ char *raw = xasprintf("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
						     "author %s\ncommitter A <a@x> 1 +0000\n\nm\n",
						     who[i]);
		const char *argv[] = { "git", "hash-object", "-w", "--literally", "-t", "commit",
				       "--stdin", NULL };
		struct proc_opts opts = { .env = env, .dir = home, .input = bytes_str(raw) };
		struct buf out = BUF_INIT;
		struct object_commit c;
		int status = -1;

		ok[i] = object_parse_commit(bytes_str(raw), 20, &c, NULL) == 0;
		if (ok[i])
			object_commit_free(&c);
		ck_assert_int_eq(proc_run(argv, &opts, &out, &status, NULL), 0);
		ck_assert_int_eq(status, 0);
		snprintf(ids[i], sizeof(ids[i]), "%.40s", buf_str(&out));
		buf_free(&out);
	}
	opinion = sh("git fsck 2>&1 || true");
	for (size_t i = 0; i < N(who); i++) {
		_cleanup_free_ char *error = xasprintf("error in commit %s", ids[i]);

		ck_assert_msg(ok[i] == !strstr(opinion, error), "\"%s\": git: %s", who[i], opinion);
	}
	free(opinion);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("object");
	TCase *tc = tcase_create("git");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, history_sha1);
	tcase_add_test(tc, history_sha256);
	tcase_add_test(tc, encodings);
	tcase_add_test(tc, push_certificate);
	tcase_add_test(tc, ref_names);
	tcase_add_test(tc, fsck_agrees);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
