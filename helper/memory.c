#include <stdlib.h>

#include "base/os.h"
#include "cred/tokens.h"
#include "cred/wire.h"
#include "helper/session.h"

#define ENTRIES_MAX 1024

struct entry {
	struct bytes id; /* profile, NUL, request; owned */
	struct secret text;
};

static struct entry entries[ENTRIES_MAX];
static size_t entries_n;

static void forget(size_t i)
{
	free((void *)(uintptr_t)entries[i].id.p);
	secret_free(&entries[i].text);
	entries[i] = entries[--entries_n];
}

void memory_wipe(void)
{
	while (entries_n > 0)
		forget(entries_n - 1);
}

static struct entry *find(struct bytes id)
{
	for (size_t i = 0; i < entries_n; i++)
		if (bytes_eq(entries[i].id, id))
			return &entries[i];
	return NULL;
}

static bool is_of(const struct entry *e, struct bytes profile)
{
	return bytes_starts(e->id, profile) && e->id.n > profile.n && e->id.p[profile.n] == '\0';
}

static bool useless(const struct entry *e, int64_t now)
{
	struct cred_tokens t;
	bool r;

	if (cred_tokens_parse(bytes_of(e->text.p, e->text.n), &t, NULL) != 0)
		return true;
	r = !cred_tokens_can_refresh(&t, now) && cred_tokens_state(&t, now) == CRED_STALE;
	cred_tokens_free(&t);
	return r;
}

size_t memory_expire(int64_t now)
{
	for (size_t i = entries_n; i > 0; i--)
		if (useless(&entries[i - 1], now))
			forget(i - 1);
	return entries_n;
}

static void say(struct secret *out, enum cred_said code, struct bytes body)
{
	const struct cred_frame f = { .code = code, .body = body };

	cred_frame_write(out, &f);
}

static void load(const struct cred_frame *f, struct secret *out)
{
	const struct entry *e = find(f->id);

	if (e == NULL)
		say(out, CRED_SAID_NOTHING, BYTES_NONE);
	else
		say(out, CRED_SAID_DONE, bytes_of(e->text.p, e->text.n));
}

static void put(struct entry *e, struct bytes text)
{
	secret_free(&e->text);
	secret_add(&e->text, text.p, text.n);
}

static void save(const struct cred_frame *f, struct secret *out)
{
	struct entry *e = find(f->id);

	if (e == NULL && entries_n == ENTRIES_MAX) {
		say(out, CRED_SAID_FAILED, BYTES_LIT("the session's store is full"));
		return;
	}
	if (e == NULL) {
		uint8_t *id = xmalloc(f->id.n);

		if (f->id.n > 0)
			memcpy(id, f->id.p, f->id.n);
		e = &entries[entries_n++];
		*e = (struct entry){ .id = bytes_of(id, f->id.n), .text = SECRET_NONE };
	}
	put(e, f->body);
	say(out, CRED_SAID_DONE, BYTES_NONE);
}

/* The entry without its access token, when it is this one; what is left may be nothing. */
static void erase_in(size_t i, struct bytes token)
{
	struct entry *e = &entries[i];
	struct secret text = SECRET_NONE;
	struct cred_tokens t;

	if (cred_tokens_parse(bytes_of(e->text.p, e->text.n), &t, NULL) != 0) {
		forget(i);
		return;
	}
	if (cred_tokens_are(&t, token)) {
		secret_free(&t.access);
		if (t.refresh.p == NULL || cred_tokens_format(&text, &t, NULL) != 0)
			forget(i);
		else
			put(e, bytes_of(text.p, text.n));
	}
	secret_free(&text);
	cred_tokens_free(&t);
}

static void for_profile(const struct cred_frame *f, struct secret *out)
{
	for (size_t i = entries_n; i > 0; i--) {
		if (!is_of(&entries[i - 1], f->id))
			continue;
		if (f->code == CRED_ASK_CLEAR)
			forget(i - 1);
		else
			erase_in(i - 1, f->body);
	}
	say(out, CRED_SAID_DONE, BYTES_NONE);
}

void memory_answer(struct bytes frame, struct secret *out)
{
	struct cred_frame f = { .code = 0 };

	if (cred_frame_parse(frame, &f, NULL) != 0)
		f.code = 0;
	switch (f.code) {
	case CRED_ASK_LOAD:
		load(&f, out);
		break;
	case CRED_ASK_SAVE:
		save(&f, out);
		break;
	case CRED_ASK_ERASE:
	case CRED_ASK_CLEAR:
		for_profile(&f, out);
		break;
	default:
		say(out, CRED_SAID_FAILED, BYTES_LIT("the session's store does not know that"));
	}
}
