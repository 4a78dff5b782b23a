#ifndef MARTLET_CLIBSSH2_H
#define MARTLET_CLIBSSH2_H

#include <libssh2.h>
#include <malloc.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
// Swift's Glibc module leaves these and <malloc.h> out.
#include <sys/epoll.h>
#include <spawn.h>
#include <sys/eventfd.h>
// <spawn.h> declares it for _GNU_SOURCE only.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);

#endif
