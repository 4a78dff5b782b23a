#ifndef MARTLET_CKEYSTREAM_H
#define MARTLET_CKEYSTREAM_H

/// Makes AES in counter mode cheap for a caller that passes 16 bytes a call, as libssh2 does for every block of
/// every packet: in OpenSSL 3 such a call costs several times the AES in it.
///
/// It registers an OpenSSL provider (provider(7)) in the process's default library context, whose AES-128-CTR,
/// AES-192-CTR and AES-256-CTR let OpenSSL's own compute the keystream 4 KB ahead. Keys and counters stay with
/// OpenSSL's own; what is done here is the XOR of NIST SP 800-38A, section 6.5.
///
/// Returns 1 if it is in effect; 0 if it can't be and all is as before: OpenSSL is older than 3, in FIPS mode, or
/// has no default provider. To call it again does nothing more.
int martlet_keystream_install(void);

/// The name of the provider, for a property query such as `provider=martlet-keystream`.
#define MARTLET_KEYSTREAM_PROVIDER "martlet-keystream"

#endif
