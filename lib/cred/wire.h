/*
 * What a store is asked and answers: frames of 16 bytes ("ghc1", a code, three zero
 * bytes, two lengths, most significant byte first) and two values behind them.
 */
#ifndef GH_CRED_WIRE_H
#define GH_CRED_WIRE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"

#define CRED_FRAME_HEAD ((size_t)16)
#define CRED_FRAME_ID_MAX ((size_t)65536)
#define CRED_FRAME_BODY_MAX ((size_t)262144)

enum cred_ask {
	CRED_ASK_LOAD = 1, /* id: profile, NUL, request; answer's body: the tokens' text */
	CRED_ASK_SAVE,     /* id: the same; body: the tokens' text */
	CRED_ASK_ERASE,    /* id: the profile; body: the access token that is no good */
	CRED_ASK_CLEAR     /* id: the profile */
};
enum cred_said {
	CRED_SAID_DONE = 1,
	CRED_SAID_NOTHING,  /* is kept under that */
	CRED_SAID_UNUSABLE, /* the store as such; body: why, one line */
	CRED_SAID_FAILED    /* body: why, one line */
};

struct cred_frame {
	unsigned code;
	struct bytes id, body; /* views */
};

/* Appends. Whoever reads it refuses values that are longer than the limits. */
void cred_frame_write(struct secret *out, const struct cred_frame *f);
/* How long the frame is whose first 16 bytes stand in `head`; 0: it is none. */
size_t cred_frame_size(struct bytes head);
/* Exactly one frame; ERR_INPUT. Views into `whole`. */
int cred_frame_parse(struct bytes whole, struct cred_frame *ret, struct err *err);

/* Reads one frame to its end, within timeout_ms; views into `space`, which is cleared
 * before. ERR_INPUT, ERR_IO. */
int cred_frame_read(int fd, int timeout_ms, struct secret *space, struct cred_frame *ret,
		    struct err *err);

#endif
