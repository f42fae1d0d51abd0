/* hook enable, hook disable: out of report mode, and back. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "findings.h"
#include "gitcmd.h"
#include "hook_place.h"
#include "record/serial.h"
#include "say.h"
#include "verbs.h"

#define POLICY_MAX ((size_t)1 << 20)

struct mode {
	struct hook_place place;
	struct audit audit;
	bool introduce, anyway, dry, shared;
	struct past_ref *refs; /* names are those of `all` */
	size_t refs_n;         /* what would break */
	struct past_ref *all;
	size_t all_n, unruled;
	struct judge_result sum;
};

static void mode_free(struct mode *m)
{
	judge_result_free(&m->sum);
	free(m->refs);
	past_refs_free(m->all, m->all_n);
	audit_close(&m->audit);
	hook_place_close(&m->place);
}

static void say_problem(const char *text, void *ctx)
{
	(void)ctx;
	fprintf(stderr, "gitsign-hsm: %s\n", text);
}

/* Other repositories may stand on a policy that this one does not name itself. */
static int check_shared(const struct mode *m, const char *verb, struct err *err)
{
	const struct server *s = &m->place.server;

	if (m->shared || strcmp(s->policy_from, "hsm.policy of the repository") == 0)
		return 0;
	return err_set(err, ERR_CONFIG,
		       "%s (%s) is the policy of every repository that names no other: hook %s "
		       "--shared, when all of them are meant; or give this one a file of its own",
		       s->policy, s->policy_from, verb);
}

static int open_all(struct mode *m, const char *path, const char *verb, struct err *err)
{
	int rc = hook_place_open(path, &m->place, err);

	if (rc == 0)
		rc = audit_open(path, NULL, false, &m->audit, err);
	return rc != 0 ? rc : check_shared(m, verb, err);
}

/* --- the file ------------------------------------------------------------------------------ */

static int by_hand(const char *path, const char *mode, int64_t serial, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	_cleanup_free_ char *bump = serial != 0
					    ? xasprintf("; git config -f '%s' policy.serial %lld",
							shown, (long long)serial)
					    : xstrdup("");

	return err_set(err, ERR_CONFIG,
		       "%s is not ours to write. Its owner does: git config -f "
		       "'%s' policy.mode %s%s",
		       shown, shown, mode, bump);
}

/* On a copy in the same directory: paths in it are relative to that. */
static int edit_copy(const char *copy, const char *mode, int64_t serial, struct err *err)
{
	_cleanup_free_ char *scope = xasprintf("--file=%s", copy);
	_cleanup_free_ char *number = xasprintf("%lld", (long long)serial);
	int rc = gitcmd_set(scope, "policy.mode", mode, err);

	return rc == 0 && serial != 0 ? gitcmd_set(scope, "policy.serial", number, err) : rc;
}

static int check_copy(const char *copy, bool report, int64_t serial, struct err *err)
{
	struct policy *p = NULL;
	int rc = policy_load(copy, &p, err);

	if (rc == 0 && (p->report != report || p->serial != serial))
		rc = err_set(err, ERR_CONFIG, "the policy could not be changed: do it by hand");
	policy_free(p);
	return rc;
}

static int replace(const char *path, const char *copy, mode_t bits, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = os_file_read(copy, OS_FILE_ANY, POLICY_MAX, &text, err);

	if (rc == 0)
		rc = os_file_replace(path, buf_bytes(&text), bits, err);
	buf_free(&text);
	return rc;
}

/* The mode, and a serial that has grown: servers remember the last one. */
static int switch_to(const struct mode *m, bool report, struct err *err)
{
	const char *mode = report ? "report" : "enforce";
	int64_t serial = m->audit.policy->serial != 0 ? m->audit.policy->serial + 1 : 0;
	char path[PATH_MAX];
	_cleanup_free_ char *copy = NULL;
	struct buf text = BUF_INIT;
	struct stat st;
	int rc;

	if (realpath(m->place.server.policy, path) == NULL || stat(path, &st) != 0)
		return err_errno(err, ERR_CONFIG, "the policy %s", m->place.server.policy);
	copy = xasprintf("%s.new", path);
	if (st.st_uid != geteuid() || access(path, W_OK) != 0 || access(copy, F_OK) == 0)
		return by_hand(path, mode, serial, err);
	rc = os_file_read(path, OS_FILE_TRUSTED, POLICY_MAX, &text, err);
	if (rc == 0 && os_file_replace(copy, buf_bytes(&text), 0600, err) != 0)
		rc = by_hand(path, mode, serial, err); /* nor is its directory */
	buf_free(&text);
	if (rc != 0)
		return rc;
	rc = edit_copy(copy, mode, serial, err);
	if (rc == 0)
		rc = check_copy(copy, report, serial, err);
	if (rc == 0)
		rc = replace(path, copy, st.st_mode & 0777, err);
	unlink(copy);
	if (rc == 0 && serial != 0)
		printf("%s: mode = %s, serial = %lld\n", path, mode, (long long)serial);
	else if (rc == 0)
		printf("%s: mode = %s\n", path, mode);
	return rc;
}

/* --- what would break -------------------------------------------------------------------------- */

static void note_bad(const struct replay_step *s, void *ctx)
{
	struct mode *m = ctx;

	if (!s->result->refused)
		return;
	for (size_t i = 0; i < s->n; i++) {
		m->refs = xreallocarray(m->refs, m->refs_n + 1, sizeof(*m->refs));
		m->refs[m->refs_n++] = (struct past_ref){ s->updates[i].ref, s->updates[i].new_ };
	}
}

static int judge(struct mode *m, struct err *err)
{
	struct judge_context c = audit_context(&m->audit);
	struct replay r;
	size_t n = 0;
	int rc = audit_read_record(&m->audit, err);

	if (rc == 0)
		rc = past_refs(m->audit.repo, &m->all, &m->all_n, err);
	if (rc != 0)
		return rc;
	m->audit.policy->report = false; /* as it will be */
	replay_start(&r, &c, note_bad, m);
	if (m->audit.record != NULL) {
		const struct record_entry *v = record_entries(m->audit.record, &n);

		replay_accept(&r, v, n);
	}
	rc = replay_refs(&r, m->all, m->all_n, m->audit.now, &m->unruled, err);
	if (rc == 0) {
		m->sum = r.sum;
		memset(&r.sum, 0, sizeof(r.sum));
	}
	replay_end(&r);
	return rc;
}

static void show(const struct mode *m)
{
	size_t governed = m->all_n - m->unruled;

	if (m->refs_n != 0)
		findings_print_all(&m->sum, m->audit.policy, m->all_n);
	printf("%zu of %zu governed refs are good as they stand\n", governed - m->refs_n, governed);
	if (m->unruled != 0)
		printf("%zu refs have no rule: pushes to them will be refused (policy explain "
		       "REF)\n",
		       m->unruled);
}

/* --- enable ------------------------------------------------------------------------------------- */

static int check_hook(const struct mode *m, struct err *err)
{
	const struct hook_file *f = &m->place.files[HOOK_PRE_RECEIVE];
	size_t n;

	if (!f->there || !f->runs)
		return err_set(err, ERR_CONFIG,
			       "the hook is not installed, or cannot run: "
			       "gitsign-hsm hook install");
	n = hook_place_traps(&m->place, say_problem, NULL, err);
	n += server_inspect(&m->place.server, f->program, say_problem, NULL);
	if (n != 0)
		return err_set(err, ERR_CONFIG,
			       "here the hook would enforce nothing. Mend what is "
			       "said above, then try again");
	return 0;
}

/* Would the hook take the file that switch_to() writes? An old one came back in report mode. */
static int check_serial(const struct mode *m, struct err *err)
{
	const struct policy *p = m->audit.policy;
	int rc;

	if (m->place.server.no_record)
		return 0;
	rc = record_serial_check(m->place.server.state_dir, p->serial != 0 ? p->serial + 1 : 0,
				 p->rules_digest, err);
	return rc != 0 ? err_prefix(err, "not switched on, since the hook would refuse every push")
		       : 0;
}

static int enable(struct mode *m, struct err *err)
{
	int rc = check_hook(m, err);

	if (rc != 0)
		return rc;
	if (!m->audit.policy->report) {
		puts("the policy is in force already: mode = enforce");
		return 0;
	}
	rc = check_serial(m, err);
	if (rc == 0)
		rc = judge(m, err);
	if (rc != 0)
		return rc;
	show(m);
	if (m->dry)
		return m->refs_n != 0 ? ERR_BAD : 0;
	if (m->refs_n != 0 && !m->introduce && !m->anyway) {
		puts("Not switched on. Mend these refs; or --introduce: exempt what they hold "
		     "today; or\n"
		     "--anyway: pushes to them are refused until they are mended.");
		return ERR_BAD;
	}
	if (m->refs_n != 0 && m->introduce)
		rc = hook_introduce_refs(&m->place, m->refs, m->refs_n, err);
	return rc == 0 ? switch_to(m, false, err) : rc;
}

int verb_hook_enable(int argc, char **argv)
{
	struct mode m = { .introduce = false };
	const struct opt opts[] = {
		{ 0, "introduce", NULL, "exempt what the refs that are not good hold today",
		  OPT_FLAG, &m.introduce },
		{ 0, "anyway", NULL, "leave them: pushes to them are refused until they are mended",
		  OPT_FLAG, &m.anyway },
		{ 'n', "dry-run", NULL, "judge and tell, change nothing", OPT_FLAG, &m.dry },
		{ 0, "shared", NULL, "the policy is not of this repository alone: do it for all",
		  OPT_FLAG, &m.shared },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm hook enable [--introduce | --anyway] [--dry-run] [--shared] "
		"[REPOSITORY]",
		"Leaves report mode: judges what is there by the policy, shows what would break, "
		"and "
		"switches the policy to mode = enforce.",
		opts,
		"Ends with 1, and nothing is switched, when a ref is not good. hook disable is the "
		"way back.",
		0,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	if (m.introduce && m.anyway)
		rc = err_set(&err, ERR_USAGE, "--introduce or --anyway: one of them");
	else
		rc = open_all(&m, argc > 0 ? argv[0] : NULL, "enable", &err);
	if (rc == 0)
		rc = enable(&m, &err);
	mode_free(&m);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}

/* --- disable ------------------------------------------------------------------------------------- */

static int disable(struct mode *m, struct err *err)
{
	int rc;

	if (m->audit.policy->report) {
		puts("the policy is in report mode already");
		return 0;
	}
	rc = switch_to(m, true, err);
	if (rc == 0)
		puts("From here on nothing is refused and nothing recorded where this policy is "
		     "in\n"
		     "force: each push is told what would be refused. What comes in meanwhile is\n"
		     "judged by hook enable, which is the way back.");
	return rc;
}

int verb_hook_disable(int argc, char **argv)
{
	struct mode m = { .introduce = false };
	const struct opt opts[] = {
		{ 0, "shared", NULL, "the policy is not of this repository alone: do it for all",
		  OPT_FLAG, &m.shared },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm hook disable [--shared] [REPOSITORY]",
		"Switches the policy to mode = report: pushes are judged and told, but not "
		"refused, "
		"and nothing is recorded.",
		opts,
		"hook remove takes the hook out.",
		0,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = open_all(&m, argc > 0 ? argv[0] : NULL, "disable", &err);
	if (rc == 0)
		rc = disable(&m, &err);
	mode_free(&m);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}
