#ifndef MARTLET_CLIBSSH2_H
#define MARTLET_CLIBSSH2_H

// What Swift's Glibc module declares is to be its own, whichever of the two modules the compiler reads first: the
// headers below would bring all of it along.
#if defined(__swift__) && __has_include(<gnu/libc-version.h>)
#pragma clang module import SwiftGlibc
#endif

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
