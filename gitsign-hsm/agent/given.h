/*
 * The sockets that systemd made for us (sd_listen_fds(3)): descriptors from 3 on.
 */
#ifndef GH_AGENT_GIVEN_H
#define GH_AGENT_GIVEN_H

#include "base/err.h"

struct given {
	int agent, ssh; /* -1: not given */
};

/*
 * given_sockets(): LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are read and taken out of the
 * environment. What is meant for another process, or for nobody, is left alone: none is
 * given. All that is for us must be sockets of ours: UNIX stream sockets that listen, each
 * the one called AGENT_SOCKET or AGENT_SSH_SOCKET (its file's name) and there once;
 * anything else is ERR_CONFIG, as what connects to it would never be answered.
 */
int given_sockets(struct given *g, struct err *err);

#endif
