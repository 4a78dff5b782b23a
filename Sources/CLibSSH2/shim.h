#ifndef MARTLET_CLIBSSH2_H
#define MARTLET_CLIBSSH2_H

#include <libssh2.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
// Swift's Glibc module leaves these and <malloc.h> out.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#endif
