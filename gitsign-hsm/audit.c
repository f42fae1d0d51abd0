#include "audit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "verb_repo.h"

#define LOCK_WAIT_MS 10000

enum policy_of { OF_CLIENT, OF_SERVER, DRAFT };

static int choose_policy(struct audit *a, const char *named, enum policy_of of, struct err *err)
{
	const char *path = named;
	int rc;

	if (path == NULL && of == OF_CLIENT && !repo_is_bare(a->repo))
		path = a->settings.policy;
	if (path == NULL)
		path = a->server.policy;
	if (path == NULL)
		return err_set(err, ERR_CONFIG,
			       "which policy? Name it with --policy FILE, or by "
			       "git config hsm.policy /PATH");
	rc = (of == DRAFT ? policy_load_draft : policy_load)(path, &a->policy, err);
	if (rc == 0)
		trust_set_now(a->policy->trust, a->now);
	return rc;
}

static int open_with(const char *path, const char *policy, enum policy_of of, struct audit *ret,
		     struct err *err)
{
	struct audit a = { .settings = { .conf = GITCONF_INIT }, .now = os_now() };
	int rc = verb_repo_open(path, &a.repo, err);

	if (rc == 0)
		rc = server_load(repo_git_dir(a.repo), repo_hash_bytes(a.repo), &a.server, err);
	if (rc == 0)
		rc = settings_load(&a.settings, err);
	if (rc == 0)
		rc = choose_policy(&a, policy, of, err);
	if (rc != 0) {
		audit_close(&a);
		return rc;
	}
	*ret = a;
	return 0;
}

int audit_open(const char *path, const char *policy, bool client, struct audit *ret,
	       struct err *err)
{
	return open_with(path, policy, client ? OF_CLIENT : OF_SERVER, ret, err);
}

int audit_open_draft(const char *path, const char *policy, struct audit *ret, struct err *err)
{
	return open_with(path, policy, DRAFT, ret, err);
}

void audit_close(struct audit *a)
{
	arrival_free(a->arrival);
	record_close(a->record);
	policy_free(a->policy);
	settings_free(&a->settings);
	server_free(&a->server);
	repo_close(a->repo);
	memset(a, 0, sizeof(*a));
}

int audit_read_record(struct audit *a, struct err *err)
{
	int rc;

	if (a->server.no_record || !record_exists(a->server.state_dir))
		return 0;
	rc = record_open(a->server.state_dir, LOCK_WAIT_MS, NULL, NULL, &a->record, err);
	if (rc == 0)
		rc = past_settle(a->record, a->repo, a->server.clock_reset, err);
	if (rc == 0)
		record_unlock(a->record);
	return rc;
}

int audit_read_times(struct audit *a, struct err *err)
{
	const struct record_entry *v;
	size_t n;

	if (a->record == NULL)
		return 0;
	v = record_entries(a->record, &n);
	return arrival_of_record(v, n, a->repo, a->server.introductions, a->server.introductions_n,
				 a->now, &a->arrival, err);
}

struct judge_context audit_context(const struct audit *a)
{
	struct judge_context c = {
		.repo = a->repo,
		.policy = a->policy,
		.introductions = a->server.introductions,
		.introductions_n = a->server.introductions_n,
		.now = a->now,
	};

	if (a->arrival != NULL) {
		c.time_of = arrival_time;
		c.time_ctx = a->arrival;
	}
	return c;
}
