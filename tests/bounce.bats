#!/usr/bin/env bats
# bounce.bats: notices about messages of the queue, as a reader that is not ours sees them.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

prepare() {
    command -v python3 >/dev/null || skip 'no python3'
}

# read_notice SCENE: what python's email package finds in that notice of test_bounce.
read_notice() {
    "$(dirname "$SMTPSEND")/unit/test_bounce" "$1" >"$BATS_TEST_TMPDIR/notice"
    run python3 - "$BATS_TEST_TMPDIR/notice" <<'END'
import email, email.policy, sys

with open(sys.argv[1], "rb") as file:
    notice = email.message_from_binary_file(file, policy=email.policy.SMTP)
print(notice.get_content_type(), notice.get_param("report-type"), notice["Auto-Submitted"])
print("to", notice["To"])
parts = list(notice.iter_parts())
print(*(part.get_content_type() for part in parts))
assert notice["Date"].datetime and not any(part.defects for part in notice.walk())
assert not any(header.defects for part in notice.walk() for header in part.values())
for fields in parts[1].get_payload():
    print("--")
    for name, value in fields.items():
        if not name.endswith("-Date"):
            print(f"{name}: {value}")
print("==", *parts[0].get_content().splitlines(), "==", sep="\n")
for part in parts[2:]:
    whole = part.get_content_type() == "message/rfc822"
    original = part.get_content() if whole else email.message_from_string(
        part.get_content(), policy=email.policy.default)
    print("original", original["Subject"], repr(original.get_content()))
END
    [ "$status" -eq 0 ] || fail "$output"
}

@test "a failure: parts, fields and the message, as python reads them" {
    read_notice several
    assert_line 'multipart/report delivery-status auto-replied'
    assert_line 'to a@example.org'
    assert_line 'text/plain message/delivery-status message/rfc822'
    assert_line 'Reporting-MTA: dns; mx.example.org'
    assert_line 'Final-Recipient: rfc822; b@example.net'
    assert_line 'Final-Recipient: rfc822; d@example.net'
    assert_line 'Status: 5.1.1'
    assert_line 'Diagnostic-Code: smtp; 550-5.1.1 No such user 550 5.1.1 See https://example.net/help'
    assert_line 'Diagnostic-Code: X-smtpsend; 192.0.2.1: connection refused'
    assert_line "original greetings 'Hello.\\n.\\nFrom here\\n'"
    [ "$(grep -c '^Status: 4.4.7' <<<"$output")" = 2 ]
    [ "$(grep -c '^--$' <<<"$output")" = 4 ]
}

@test "a delay" {
    read_notice delayed
    assert_line 'text/plain message/delivery-status text/rfc822-headers'
    assert_line 'Will-Retry-Until: Sun, 6 Jul 2025 10:00:00 +0000'
    assert_line "original greetings ''"
}

@test "8-bit text of the message" {
    read_notice 8bit
    assert_line "original greetings 'Grüße\\n'"
}

@test "addresses and words beyond ASCII" {
    read_notice utf8
    assert_line 'to "jörg@example.org":;'
    assert_line '    <müller+🐄@example.net>'
    assert_line '        550 нет = no'
    assert_line 'Final-Recipient: utf-8; m\x{FC}ller\x{2B}\x{1F404}@example.net'
}

@test "hostile words forge neither parts nor fields" {
    read_notice hostile
    assert_line 'text/plain message/delivery-status message/rfc822'
    [ "$(grep -c '^Action: failed$' <<<"$output")" = 3 ]
    [ "$(grep -c '^Action: ' <<<"$output")" = 3 ]
    [ "$(grep -c '^--$' <<<"$output")" = 4 ]
}
