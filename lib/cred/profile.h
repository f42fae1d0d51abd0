/*
 * Who gets an access token, and how: the hsm* keys of credential.<url> in git's
 * configuration. Nothing is given to a host that no such section names.
 */
#ifndef GH_CRED_PROFILE_H
#define GH_CRED_PROFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/gitconf.h"
#include "cred/url.h"

enum cred_grant {
	CRED_GRANT_NONE = 0,
	CRED_CLIENT_CREDENTIALS, /* RFC 6749 4.4 */
	CRED_DEVICE_CODE,        /* RFC 8628 */
	CRED_AUTHORIZATION_CODE, /* RFC 6749 4.1 with RFC 7636 */
	CRED_TOKEN_EXCHANGE,     /* RFC 8693 */
	CRED_GITHUB_APP
};
enum cred_client_auth {
	CRED_AUTH_UNSET = 0,
	CRED_AUTH_NONE,       /* a public client */
	CRED_PRIVATE_KEY_JWT, /* RFC 7523 */
	CRED_TLS_CLIENT_AUTH  /* RFC 8705 */
};
/* Where the endpoints are: the issuer's metadata, or known paths below it. */
enum cred_provider {
	CRED_PROVIDER_UNSET = 0,
	CRED_DISCOVERY, /* OpenID Connect Discovery, RFC 8414 */
	CRED_GITHUB,    /* an OAuth or GitHub App of a person */
	CRED_GITLAB,
	CRED_GITEA /* and Forgejo */
};
enum cred_store { CRED_STORE_UNSET = 0, CRED_SECRET_SERVICE, CRED_SESSION, CRED_STORE_NONE };

struct cred_profile {
	char *url; /* the most exact section that says something, in its canonical form */
	enum cred_grant grant;
	enum cred_client_auth auth; /* UNSET for a GitHub App only */
	enum cred_store store;      /* SECRET_SERVICE when nothing is said */
	enum cred_provider provider;
	bool assertion_for_endpoint; /* RFC 7523's older audience; else RFC 10070 */
	bool key_shared;             /* the key may be the one that signs commits */
	int64_t timeout;             /* seconds that asking the issuer may take; 0: not said */
	/* Views into the configuration; NULL: not set. */
	const char *issuer, *client_id, *key, *certificate, *scope, *audience, *resource;
	const char *key_id;        /* kid of JSON web tokens */
	const char *subject_token; /* "file:/path", "env:NAME", "github-actions" */
	const char *permissions;   /* "contents=read,..." of a GitHub App */
	const char *repositories;  /* "a,b" or "this", the one that git asks for */
	const char *installation;  /* decimal */
	const char *redirect;      /* http://127.0.0.1[:port]/path */
	const char *username;      /* for Basic */
};

/*
 * The profile for `target`: of each key the value in the most exact section that
 * covers it, of equal ones the last; an empty value unsets. credential.hsmStore
 * without a URL holds for all. *found is false, with success, for a host without
 * any. ERR_CONFIG with the cure for a profile that cannot work: an unknown hsm*
 * key or word, a missing issuer, client, grant or key, and sections with paths
 * that a request without a path cannot choose among. ERR_INPUT for http:// to a
 * host that has a profile.
 */
int cred_profile_find(const struct gitconf *conf, const struct cred_url *target,
		      struct cred_profile *ret, bool *found, struct err *err);
void cred_profile_free(struct cred_profile *p);

/* All that an access token depends on, as text: the name it is kept under. */
void cred_profile_id(struct buf *out, const struct cred_profile *p);

/*
 * What else it depends on, appended to that: the owner that a GitHub App's
 * installation is found by, the repository that hsmRepositories = this narrows to.
 */
void cred_profile_request_id(struct buf *out, const struct cred_profile *p,
			     const struct cred_url *target);

/*
 * "owner/repository[.git][/...]": the two names as views; false when the path
 * has no owner. `repo` is empty when there is none.
 */
bool cred_path_split(const char *path, struct bytes *owner, struct bytes *repo);

/* The words of the configuration. */
const char *cred_grant_name(enum cred_grant g);
const char *cred_auth_name(enum cred_client_auth a);
const char *cred_store_name(enum cred_store s);

#endif
