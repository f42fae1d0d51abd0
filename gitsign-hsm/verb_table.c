#include <stdio.h>
#include <string.h>

#include "verb_table.h"

const struct verb verb_table[] = {
	{ "setup", NULL, "point a repository or your account at a key, and test it" },
	{ "token", "list", "show the tokens: PIN state, what keys they sign with and make" },
	{ "token", "init", "give a blank token its label and its PINs" },
	{ "key", "list", "show the keys on your tokens, and which of them can sign" },
	{ "key", "generate", "make a key pair on a token that can sign and nothing else" },
	{ "key", "check", "read what a token declares about a private key" },
	{ "cert", "request", "make a certificate request for a key, for your CA" },
	{ "cert", "self-sign", "make a certificate without a CA" },
	{ "cert", "import", "store a certificate beside its key" },
	{ "verify", NULL, "verify commits and tags, as a table or JSON" },
	{ "doctor", NULL, "find what is wrong with this set-up, and how to mend it" },
	{ "policy", "check", "check a policy file, show what it asks or changes" },
	{ "policy", "explain", "show which rule governs a ref, and what it asks" },
	{ "policy", "replay", "what a policy would have said of past pushes" },
	{ "policy", "init", "write a working policy file" },
	{ "record", "list", "show what a server has let in" },
	{ "record", "check", "look for what the record and the refs do not agree on" },
	{ "record", "export", "write the record as text, to keep or to move it" },
	{ "record", "import", "put an exported record in its place" },
	{ "record", "rebuild", "judge the refs anew and begin a record with what is good" },
	{ "hook", "install", "install the pre-receive hook into a bare repository" },
	{ "hook", "remove", "take the hook out again" },
	{ "hook", "enable", "leave report mode: judge what is there, then enforce" },
	{ "hook", "disable", "back to report mode: refuse nothing, tell everything" },
	{ "hook", "status", "show what the hook enforces, and what endangers it" },
	{ "agent", NULL, "keep the session with a token open (status, stop)" },
	{ NULL, NULL, NULL },
};

const struct verb *verb_find(const char *noun, const char *verb, bool *noun_known)
{
	*noun_known = false;
	for (const struct verb *v = verb_table; v->noun != NULL; v++) {
		if (strcmp(v->noun, noun) != 0)
			continue;
		*noun_known = true;
		if (v->verb == NULL || (verb != NULL && strcmp(v->verb, verb) == 0))
			return v;
	}
	return NULL;
}

void verb_list(FILE *f, const char *noun)
{
	for (const struct verb *v = verb_table; v->noun != NULL; v++) {
		char name[40];

		if (noun != NULL && strcmp(noun, v->noun) != 0)
			continue;
		snprintf(name, sizeof(name), "%s%s%s", v->noun, v->verb != NULL ? " " : "",
			 v->verb != NULL ? v->verb : "");
		fprintf(f, "  %-16s %s\n", name, v->help);
	}
}
