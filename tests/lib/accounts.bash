# shellcheck shell=bash
# accounts.bash: what the suites about authentication share, on top of common.bash.

# A server with the account me / geheim.
start_auth_server() {
    start_server --user me:geheim --auth-in-clear "$@"
}

# Authenticates in clear, as these tests mostly do.
login() {
    send --user me --allow-cleartext-auth "$@" a@example.org
}

authenticated() {
    expect 0
    run envelope "${1:-1}"
    assert_line auth=me
}
