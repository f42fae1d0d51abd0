/*
 * Who asks for a signature, what it is over, whether the agent's owner agrees, and the
 * record of it.
 */
#ifndef GH_AGENT_CONSENT_H
#define GH_AGENT_CONSENT_H

#include <sys/types.h>

#include "agent.h"
#include "keeper.h"
#include "object/object.h"

/* --- asker.c ----------------------------------------------------------------- */

/* The process at the other end of a connection, as /proc shows it: "" where it does not. */
struct asker {
	uid_t uid;
	pid_t pid;
	char program[256]; /* of the process: path, or only its name */
	char parent[256];  /* of the one that started it: git */
	char tty[64];      /* "/dev/pts/3": the terminal it belongs to, if that is ours */
	dev_t tty_dev;
};
/* False: the system does not tell who it is. */
bool asker_of(int fd, struct asker *ret);

/* --- facts.c ----------------------------------------------------------------- */

struct facts {
	enum agent_purpose purpose;
	uint8_t hash_bytes;
	struct oid first_parent; /* of a commit; n = 0: none */
	char *text;              /* a few lines for people, escaped, without final newline */
};
/* Strictly an object of the kind that was named, without a signature in it: ERR_INPUT. */
int facts_read(enum agent_purpose purpose, struct bytes payload, struct facts *ret,
	       struct err *err);
void facts_free(struct facts *f);
/* The id that git will give to the signed commit or tag; n = 0 for a push certificate. */
void facts_object(const struct facts *f, struct bytes payload, struct bytes armor, struct oid *ret);

/* --- person.c ---------------------------------------------------------------- */

/*
 * Asks for a yes: by pinentry, when one is configured or a display is there, else on
 * the asker's terminal. ERR_BAD: no; ERR_PIN: nobody can be asked, or nobody answered.
 */
int person_agrees(const struct agent_config *c, const struct asker *a, const char *question,
		  struct err *err);

/* --- confirm.c --------------------------------------------------------------- */

struct confirm_ask {
	const struct facts *facts;
	const struct asker *asker;
	const char *where; /* the repository, as the client says */
	const char *key;   /* the fingerprint */
	bool stored;       /* the PIN comes from a store: nobody has to give it */
	bool pin_follows;  /* somebody is asked for the PIN, with the facts */
	bool always;       /* ask, whatever the configuration */
};
/* *how: "pin", "batch", "confirmed" or "not asked"; a literal. Errors: person_agrees(). */
int confirm_ask(const struct agent_config *c, const struct confirm_ask *a, const char **how,
		struct err *err);
/* What a client says of its PINs (`says_stored`) counts with what is known of the login. */
void confirm_login(struct confirm_ask *a, bool says_stored, const struct keeper_login *login);
/*
 * When the signature is made, and before it is handed out: if it was not asked for because
 * a PIN was to be given for it or came from a store, and another request had come between,
 * it is asked for now. `login` as keeper_sign() says.
 */
int confirm_made(const struct agent_config *c, struct confirm_ask *a, bool says_stored,
		 const struct keeper_login *login, const char **how, struct err *err);
/* The commit was signed, agreed to in that way, and is now the tip of its batch. */
void confirm_signed(const struct agent_config *c, const struct confirm_ask *a, const char *how,
		    const struct oid *commit);
/* What people are asked and told about a request: facts and place. The caller frees it. */
char *confirm_text(const struct facts *f, const char *where);

/* --- audit.c ----------------------------------------------------------------- */

struct audit_entry {
	const struct asker *asker;
	const char *where, *purpose, *key; /* NULL: not known */
	const char *object;                /* id of the signed object, or NULL */
	const char *result, *reason;       /* "signed" or "refused", and why */
};
/*
 * Appends one JSON object and a newline to the agent's log, mode 0600, which is renamed
 * to "....1" when it is longer than 8 MiB. ERR_IO: nothing may be signed then.
 */
int audit_check(const char *path, struct err *err); /* before the first one */
int audit_write(const char *path, const struct audit_entry *e, struct err *err);

#endif
