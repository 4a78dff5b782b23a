/// The program that makes one user another on a host.
@frozen public enum BecomeMethod: String, Sendable, Hashable, CaseIterable {
  /// sudo(8), or sudo-rs under its name: asks for the own password, unless sudoers says otherwise.
  case sudo
  /// su(1): asks for the password of the user to become.
  case su
  /// doas(1): asks for the own password, unless doas.conf says `nopass`, and only on a terminal. It gets one over SSH, in
  /// runs; `get` and `put` need `nopass`.
  case doas
}
