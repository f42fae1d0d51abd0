/*
 * kill-worker FILE STOP COMMAND...: runs a command and ends the first process that it forks by
 * SIGKILL, when that one is about to enter or has just left the kernel for the STOPth time (0:
 * never). What others see of a process is what the kernel does for it, so these are all the
 * moments that there are, whatever else the machine has to do. FILE gets the number of stops
 * and "killed" or "ended"; "0 none": nothing was forked. Programs that are started (vfork)
 * are let be.
 *
 * Ends as the command does; with 77 where processes may not be traced.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void trace(enum __ptrace_request what, pid_t pid, long data)
{
	/* A process that is gone by now is found so by waitpid(). */
	if (ptrace(what, pid, NULL, data) != 0 && errno != ESRCH) {
		perror("kill-worker: ptrace");
		exit(77);
	}
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR) {
			perror("kill-worker: waitpid");
			exit(1);
		}
	return status;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("kill-worker: fork");
		exit(1);
	}
	if (pid > 0)
		return pid;
	if (ptrace(PTRACE_TRACEME, 0, NULL, 0L) != 0)
		_exit(77);
	raise(SIGSTOP);
	execvp(argv[0], argv);
	_exit(127);
}

/* Events and the steps of the kernel are for us; what else stops a process is a signal for it. */
static long signal_in(int status)
{
	int n = WSTOPSIG(status);

	return status >> 16 != 0 || n == (SIGTRAP | 0x80) ? 0 : n;
}

/* The process that was forked, 0 when the command came to its end without. */
static pid_t forked(pid_t command, int *status)
{
	unsigned long pid = 0;

	*status = wait_for(command);
	if (!WIFSTOPPED(*status))
		return 0;
	trace(PTRACE_SETOPTIONS, command,
	      PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	trace(PTRACE_CONT, command, 0);
	while (WIFSTOPPED(*status = wait_for(command))) {
		if (*status >> 16 == PTRACE_EVENT_FORK) {
			trace(PTRACE_GETEVENTMSG, command, (long)&pid);
			trace(PTRACE_DETACH, command, 0);
			return (pid_t)pid;
		}
		trace(PTRACE_CONT, command, signal_in(*status));
	}
	return 0;
}

static unsigned long follow(pid_t worker, unsigned long stop, int *status)
{
	unsigned long n = 0;

	*status = wait_for(worker); /* as new ones begin: by a stop that is not theirs */
	trace(PTRACE_SETOPTIONS, worker, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	trace(PTRACE_SYSCALL, worker, 0);
	while (WIFSTOPPED(*status = wait_for(worker))) {
		if (WSTOPSIG(*status) == (SIGTRAP | 0x80) && ++n == stop)
			kill(worker, SIGKILL);
		else
			trace(PTRACE_SYSCALL, worker, signal_in(*status));
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long n = 0;
	int status = 0, end = 0;
	pid_t command, worker;
	FILE *f;

	if (argc < 4 || (f = fopen(argv[1], "we")) == NULL) {
		fputs("usage: kill-worker FILE STOP COMMAND...\n", stderr);
		return 2;
	}
	command = start(argv + 3);
	worker = forked(command, &status);
	if (worker > 0) {
		n = follow(worker, strtoul(argv[2], NULL, 10), &end);
		status = wait_for(command);
	}
	fprintf(f, "%lu %s\n", n, worker == 0 ? "none" : WIFSIGNALED(end) ? "killed" : "ended");
	fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
