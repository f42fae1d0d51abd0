#include "record_place.h"

#include <stdio.h>
#include <string.h>

#include "verb_repo.h"

int record_place_open(const char *path, struct record_place *ret, struct err *err)
{
	struct record_place p = { .repo = NULL };
	int rc = verb_repo_open(path, &p.repo, err);

	if (rc == 0)
		rc = server_load(repo_git_dir(p.repo), repo_hash_bytes(p.repo), &p.server, err);
	if (rc == 0 && p.server.no_record)
		rc = err_set(err, ERR_CONFIG, "hsm.record is off: no record is kept here");
	if (rc != 0) {
		record_place_close(&p);
		return rc;
	}
	*ret = p;
	return 0;
}

int record_place_read(struct record_place *p, struct err *err)
{
	int rc;

	if (!record_exists(p->server.state_dir))
		return 0;
	rc = record_open(p->server.state_dir, RECORD_PLACE_WAIT_MS, NULL, NULL, &p->record, err);
	if (rc != 0)
		return rc;
	if (record_note(p->record) != NULL)
		fprintf(stderr, "gitsign-hsm: %s\n", record_note(p->record));
	return past_settle(p->record, p->repo, p->server.clock_reset, err);
}

void record_place_close(struct record_place *p)
{
	record_close(p->record);
	server_free(&p->server);
	repo_close(p->repo);
	memset(p, 0, sizeof(*p));
}
