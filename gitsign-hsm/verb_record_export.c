/* record export: the record as text that record import takes. */
#include <stdio.h>
#include <unistd.h>

#include "base/os.h"
#include "record_place.h"
#include "say.h"
#include "verbs.h"

static int write_text(struct record_place *p, const char *file, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc;

	if (p->record == NULL)
		return err_set(err, ERR_CONFIG, "there is no record in %s yet",
			       p->server.state_dir);
	if (p->server.repository != NULL)
		buf_addf(&text, RECORD_PLACE_OF "%s\n", p->server.repository);
	rc = record_export(p->record, &text, err);
	record_unlock(p->record);
	if (rc == 0 && file != NULL)
		rc = os_file_replace(file, buf_bytes(&text), 0600, err);
	else if (rc == 0)
		rc = os_write_all(STDOUT_FILENO, buf_bytes(&text), "standard output", err);
	buf_free(&text);
	return rc;
}

int verb_record_export(int argc, char **argv)
{
	const char *file = NULL;
	const struct opt opts[] = {
		{ 'o', "output", "FILE", "write there instead of standard output", OPT_STRING,
		  &file },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm record export [-o FILE] [REPOSITORY]",
		"Writes the record as text: a copy to keep, or to take along when the repository "
		"moves.",
		opts,
		NULL,
		0,
		1,
	};
	struct record_place p;
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = record_place_open(argc > 0 ? argv[0] : NULL, &p, &err);
	if (rc != 0)
		return say_err(&err);
	rc = record_place_read(&p, &err);
	if (rc == 0)
		rc = write_text(&p, file, &err);
	record_place_close(&p);
	return rc != 0 ? say_err(&err) : 0;
}
