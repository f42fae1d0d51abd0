#include "helper/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/os.h"
#include "base/proc.h"
#include "base/rundir.h"
#include "cred/wire.h"
#include "helper/sibling.h"
#include "helper/store_internal.h"

#define SESSION_MS 10000
#define RETRIES 20
#define RETRY_MS 50
#define ANSWER_MAX (CRED_FRAME_HEAD + CRED_FRAME_ID_MAX + CRED_FRAME_BODY_MAX)

/* --- the session's daemon ---------------------------------------------------------- */

static int start_daemon(struct err *err)
{
	struct buf path = BUF_INIT, out = BUF_INIT;
	const char *argv[2] = { NULL, NULL };
	int status = -1, r = sibling_path("credential-session", &path, err);

	if (r == 0) {
		const struct proc_opts opts = { .timeout_ms = SESSION_MS, .errors = &out };
		struct buf none = BUF_INIT;

		argv[0] = buf_str(&path);
		r = proc_run(argv, &opts, &none, &status, err);
		if (r == 0 && status != 0)
			r = err_set(err, ERR_IO, "the session's store cannot be started%s%s",
				    out.n > 0 ? ": " : "", buf_str(&out));
		buf_free(&none);
	}
	buf_free(&path);
	buf_free(&out);
	return r;
}

/* Without a daemon nothing is kept: only what is to be saved starts one. */
static int connect_session(bool start, int *fd, struct err *err)
{
	int r = rundir_connect(STORE_SOCKET, fd, err);

	if (r != ERR_IO || !start)
		return r;
	r = start_daemon(err);
	return r != 0 ? r : rundir_connect(STORE_SOCKET, fd, err);
}

static int talk(const struct cred_frame *ask, struct secret *space, struct cred_frame *said,
		struct err *err)
{
	struct secret text = SECRET_NONE;
	int fd = -1, r = connect_session(ask->code == CRED_ASK_SAVE, &fd, err);

	if (r != 0)
		return r;
	cred_frame_write(&text, ask);
	r = os_write_all(fd, bytes_of(text.p, text.n), "to the session's store", err);
	secret_free(&text);
	if (r == 0)
		r = cred_frame_read(fd, SESSION_MS, space, said, err);
	close(fd);
	return r;
}

/* A daemon that just comes to its end is met by chance: then by the next one. */
static int ask_session(struct store *s, const struct cred_frame *ask, struct secret *space,
		       struct cred_frame *said, struct err *err)
{
	int64_t until = os_monotonic_ms() + SESSION_MS;
	bool save = ask->code == CRED_ASK_SAVE;
	int r = ERR_IO;

	for (int i = 0; i <= RETRIES && r == ERR_IO && !s->silent; i++) {
		if (i > 0)
			(void)poll(NULL, 0, RETRY_MS);
		r = talk(ask, space, said, err);
		if (r == ERR_IO && os_monotonic_ms() >= until)
			s->silent = true;
		if (!save)
			break;
	}
	if (r == ERR_IO && save && s->silent)
		return err_set(err, ERR_IO, "the session's store does not answer");
	if (r != ERR_IO || save)
		return r;
	*said = (struct cred_frame){ .code = CRED_SAID_NOTHING };
	return 0;
}

/* --- the keyring ---------------------------------------------------------------------- */

static int take_output(struct buf *out, struct secret *space)
{
	secret_free(space);
	secret_add(space, out->p, out->n);
	mem_wipe(out->p, out->cap);
	buf_free(out);
	return 0;
}

static int ask_keyring(const struct store *s, const struct cred_frame *ask, struct secret *space,
		       struct cred_frame *said, struct err *err)
{
	struct buf path = BUF_INIT, out = BUF_INIT;
	struct secret text = SECRET_NONE;
	int status = -1, r = sibling_path("credential-keyring", &path, err);

	if (r == 0) {
		const char *argv[] = { buf_str(&path), s->quiet ? "store-quiet" : "store", NULL };
		struct proc_opts opts = { .output_max = ANSWER_MAX,
					  .timeout_ms = STORE_KEYRING_MS + 5000 };

		cred_frame_write(&text, ask);
		opts.input = bytes_of(text.p, text.n);
		/* Once, so that no copy of a token stays behind when it grows. */
		buf_reserve(&out, ANSWER_MAX + 65536);
		r = proc_run(argv, &opts, &out, &status, err);
	}
	secret_free(&text);
	buf_free(&path);
	take_output(&out, space);
	return r != 0 ? r : cred_frame_parse(bytes_of(space->p, space->n), said, err);
}

/* The session's memory instead, and a word about it. */
static void give_up_keyring(struct store *s, const char *why)
{
	s->kind = CRED_SESSION;
	buf_clear(&s->note);
	buf_addf(&s->note,
		 "%s; access tokens are kept in memory until the session ends (to have that "
		 "without this line: git config --global credential.hsmStore session)",
		 why);
}

void store_no_keyring(struct store *s, const char *why)
{
	if (s->kind == CRED_SECRET_SERVICE)
		give_up_keyring(s, why);
}

/* --- both ------------------------------------------------------------------------------- */

static int dispatch(struct store *s, const struct cred_frame *ask, struct secret *space,
		    struct cred_frame *said, struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	*said = (struct cred_frame){ .code = CRED_SAID_NOTHING };
	if (s->kind == CRED_STORE_NONE)
		return 0;
	if (s->kind == CRED_SESSION)
		return ask_session(s, ask, space, said, err);
	r = ask_keyring(s, ask, space, said, &why);
	if (r == 0 && said->code == CRED_SAID_UNUSABLE)
		r = err_set(&why, ERR_IO, "%.*s", (int)said->body.n, (const char *)said->body.p);
	if (r == 0)
		return 0;
	give_up_keyring(s, why.text);
	return ask_session(s, ask, space, said, err);
}

static int ask_store(struct store *s, const struct cred_frame *ask, struct secret *space,
		     struct cred_frame *said, struct err *err)
{
	int r;

	if (ask->id.n > CRED_FRAME_ID_MAX || ask->body.n > CRED_FRAME_BODY_MAX)
		return err_set(err, ERR_CONFIG, "the profile is too long");
	r = dispatch(s, ask, space, said, err);
	if (r != 0)
		return r;
	if (said->code == CRED_SAID_DONE || said->code == CRED_SAID_NOTHING)
		return 0;
	return err_set(err, ERR_IO, "%.*s", (int)said->body.n, (const char *)said->body.p);
}

void store_name(const struct store *s, struct buf *out)
{
	buf_add_str(out, s->profile);
	buf_add_byte(out, 0);
	buf_add_str(out, s->request);
}

/*
 * What a keyring could not take once is in the session's memory: then what the keyring has kept
 * is older, and its refresh token used up.
 */
static void take_newer(struct store *s, struct bytes id, struct cred_tokens *t, bool *found)
{
	const struct cred_frame ask = { .code = CRED_ASK_LOAD, .id = id };
	struct secret space = SECRET_NONE;
	struct cred_tokens other = CRED_TOKENS_NONE;
	struct cred_frame said;

	if (ask_session(s, &ask, &space, &said, NULL) == 0 && said.code == CRED_SAID_DONE &&
	    cred_tokens_parse(said.body, &other, NULL) == 0 &&
	    (!*found || cred_tokens_after(&other, t))) {
		if (*found)
			cred_tokens_free(t);
		*t = other;
		*found = true;
	} else {
		cred_tokens_free(&other);
	}
	secret_free(&space);
}

int store_load(struct store *s, struct cred_tokens *ret, bool *found, struct err *err)
{
	struct secret space = SECRET_NONE;
	struct cred_frame ask = { .code = CRED_ASK_LOAD }, said;
	struct buf id = BUF_INIT;
	int r;

	store_name(s, &id);
	ask.id = buf_bytes(&id);
	r = ask_store(s, &ask, &space, &said, err);
	*found = r == 0 && said.code == CRED_SAID_DONE;
	/* What cannot be read is as good as nothing: it is replaced by the next token. */
	if (*found)
		*found = cred_tokens_parse(said.body, ret, NULL) == 0;
	if (r == 0 && s->kind == CRED_SECRET_SERVICE)
		take_newer(s, ask.id, ret, found);
	secret_free(&space);
	buf_free(&id);
	return r;
}

/* What stands in the session's memory too must not stay behind there. */
static void save_beside(struct store *s, const struct cred_frame *save)
{
	const struct cred_frame load = { .code = CRED_ASK_LOAD, .id = save->id };
	struct secret space = SECRET_NONE;
	struct cred_frame said;

	if (ask_session(s, &load, &space, &said, NULL) == 0 && said.code == CRED_SAID_DONE)
		(void)ask_session(s, save, &space, &said, NULL);
	secret_free(&space);
}

int store_save(struct store *s, const struct cred_tokens *t, struct err *err)
{
	struct secret space = SECRET_NONE, text = SECRET_NONE;
	struct cred_frame ask = { .code = CRED_ASK_SAVE }, said;
	struct buf id = BUF_INIT;
	int r = cred_tokens_format(&text, t, err);

	store_name(s, &id);
	ask.id = buf_bytes(&id);
	ask.body = bytes_of(text.p, text.n);
	if (r == 0)
		r = ask_store(s, &ask, &space, &said, err);
	if (r == 0 && s->kind == CRED_SECRET_SERVICE)
		save_beside(s, &ask);
	secret_free(&text);
	secret_free(&space);
	buf_free(&id);
	return r;
}

/* What a keyring once could not take is in the session's memory. */
static int ask_profile(struct store *s, enum cred_ask code, struct bytes body, struct err *err)
{
	struct secret space = SECRET_NONE;
	const struct cred_frame ask = { .code = code, .id = bytes_str(s->profile), .body = body };
	struct cred_frame said;
	int r = 0;

	if (s->kind == CRED_SECRET_SERVICE)
		r = ask_session(s, &ask, &space, &said, err);
	if (r == 0)
		r = ask_store(s, &ask, &space, &said, err);
	secret_free(&space);
	return r;
}

int store_erase(struct store *s, struct bytes token, struct err *err)
{
	return ask_profile(s, CRED_ASK_ERASE, token, err);
}

int store_clear(struct store *s, struct err *err)
{
	return ask_profile(s, CRED_ASK_CLEAR, BYTES_NONE, err);
}

void store_free(struct store *s)
{
	buf_free(&s->note);
}

int store_lock(const struct store *s, int timeout_ms, int *fd, struct err *err)
{
	char file[48];
	uint64_t h = hash_bytes(0, bytes_str(s->profile)); /* who shares it waits, no more */

	snprintf(file, sizeof(file), "fetch-%016llx.lock", (unsigned long long)h);
	return rundir_lock(file, timeout_ms, fd, err);
}
