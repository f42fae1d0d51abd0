/*
 * The verbs for people. They live in the sibling program
 * libexec/gitsign-hsm/verbs, which may link what signing must not wait for
 * (libgit2); bin/gitsign-hsm executes it for every verb in the table of verbs.c.
 *
 * Each gets the words from its own name on (argv[0] is "policy check" or the
 * like), prints results on stdout, errors on stderr, and returns an err_code
 * as exit status.
 */
#ifndef GH_VERBS_H
#define GH_VERBS_H

int verb_setup(int argc, char **argv);
int verb_token_list(int argc, char **argv);
int verb_token_init(int argc, char **argv);
int verb_key_list(int argc, char **argv);
int verb_key_generate(int argc, char **argv);
int verb_key_check(int argc, char **argv);
int verb_cert_request(int argc, char **argv);
int verb_cert_self_sign(int argc, char **argv);
int verb_cert_import(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_policy_check(int argc, char **argv);
int verb_policy_explain(int argc, char **argv);
int verb_policy_replay(int argc, char **argv);
int verb_policy_init(int argc, char **argv);
int verb_record_list(int argc, char **argv);
int verb_record_check(int argc, char **argv);
int verb_record_export(int argc, char **argv);
int verb_record_import(int argc, char **argv);
int verb_record_rebuild(int argc, char **argv);
int verb_hook_install(int argc, char **argv);
int verb_hook_remove(int argc, char **argv);
int verb_hook_enable(int argc, char **argv);
int verb_hook_disable(int argc, char **argv);
int verb_hook_status(int argc, char **argv);

#endif
