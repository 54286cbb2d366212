#!/usr/bin/env bats
# downgrade.bats: messages with 8-bit text and a server without 8BITMIME: what arrives is 7-bit
# MIME that means the same, or the message is refused with 65. Python's email package is the judge.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

prepare() {
    command -v python3 >/dev/null || skip 'no python3'
}

# write FORMAT: makes the message.
write() {
    # shellcheck disable=SC2059 # a format
    printf "$1" >"$message"
}

# Sends it with nothing added; what arrived is 7-bit and of the size that was announced.
deliver() {
    send --add-headers=no a@example.org
    expect 0
    assert_delivered 1
    run ! grep -qP '[\x80-\xff]' "$(delivered)"
    run ! grep -qi '8bitmime' <(envelope)
    assert_dialogue "MAIL FROM:<sender@example.org> SIZE=$(wc -c <"$(delivered)")"
}

# All that a reader sees of a message, part by part: fields as text, bodies decoded.
seen() {
    python3 - "$1" <<'END'
import sys
from email import message_from_bytes, policy
from email.header import decode_header

raw = open(sys.argv[1], 'rb').read().replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')

def text(value):
    if isinstance(value, str):
        value = value.encode('ascii', 'surrogateescape').decode('utf-8', 'surrogateescape')
    value = ''.join(value.splitlines())
    return ''.join(part if isinstance(part, str) else part.decode(charset or 'utf-8')
                   for part, charset in decode_header(value))

def show(part, depth):
    print('part', depth, part.get_content_type(), ascii(part.get_filename()))
    for name, value in part._headers:
        if name.lower() in ('subject', 'from', 'to', 'x-note', 'content-description'):
            print(name, ascii(text(value).replace('"', '')))
    if part.is_multipart():
        print(ascii(part.preamble), ascii(part.epilogue))
        for inner in part.get_payload():
            show(inner, depth + 1)
    else:
        print(part.get_payload(decode=True))

show(message_from_bytes(raw, policy=policy.compat32), 0)
END
}

assert_seen_same() {
    seen "$message" >"$BATS_TEST_TMPDIR/wanted"
    seen "$(delivered)" >"$BATS_TEST_TMPDIR/got"
    diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got" || fail 'not what was sent'
}

@test "plain UTF-8 text without MIME fields" {
    start_server --no 8BITMIME
    write 'From: Jörg Müller <s@example.org>\nTo: "Ü, Ä" <a@example.org>\nSubject: Grüße an Zoë\n\nGrüße \n.\nFrom Zoë\n=3D %0100d\n' 7
    deliver
    assert_seen_same
    run cat "$(delivered)"
    assert_line --partial 'MIME-Version: 1.0'
    assert_line --partial 'Content-Type: text/plain; charset=utf-8'
    assert_line --partial 'Content-Transfer-Encoding: quoted-printable'
}

@test "latin-1 text keeps its charset" {
    start_server --no 8BITMIME
    write 'Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nGr\xfc\xdfe\n'
    deliver
    assert_seen_same
    run cat "$(delivered)"
    assert_line --partial 'charset=iso-8859-1'
    refute_line --partial '8bit'
}

@test "text without a charset gets one, since without it is US-ASCII; other types don't" {
    start_server --no 8BITMIME
    write 'Subject: x\nMIME-Version: 1.0\nContent-Type: text/html;\n format=flowed (so)\n\n<p>Grüße</p>\n'
    deliver
    run cat "$(delivered)"
    assert_line $'Content-Type: text/html; charset=utf-8;\r'
    assert_line $' format=flowed (so)\r'
    stop_server
    start_server --no 8BITMIME
    write 'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nGr\xfc\xdfe\n--b\nContent-Type: text/plain; name="ü"; Charset=iso-8859-1\n\n\xe4\n--b\nContent-Type: text/plain;\n\nascii\n--b\nContent-Type: image/x\n\n\xff\n--b--\n'
    deliver
    run grep -ai -A1 ^Content-Type: "$(delivered)"
    assert_line $'Content-Type: text/plain; charset=unknown-8bit\r'
    assert_line $'Content-Type: text/plain;\r'
    assert_line $'Content-Type: image/x\r'
    assert_line --partial ' Charset=iso-8859-1'
    run grep -ci charset= "$(delivered)"
    assert_output 2
}

@test "comments in address fields" {
    start_server --no 8BITMIME
    write 'From: s@example.org (Jörg (aus Köln) M.)\nTo: (Zoë) Ü <a@example.org>, "x (y" <b@example.org> (ascii \\) stays)\nSubject: x\n\nx\n'
    deliver
    assert_seen_same
    run cat "$(delivered)"
    assert_line $'From: s@example.org (=?UTF-8?B?SsO2cmc=?= (aus\r'
    assert_line $' =?UTF-8?B?S8O2bG4=?=) M.)\r'
    assert_line --partial '"x (y" <b@example.org> (ascii \) stays)'
    write 'From: s@example.org (J\\örg)\n\nx\n'
    send a@example.org
    expect 65 8BITMIME "'From'"
}

@test "a DKIM signature that the conversion breaks is told by -v" {
    start_server --no 8BITMIME
    write 'DKIM-Signature: v=1; bh=x; b=y\nSubject: x\n\nGrüße\n'
    send -v --add-headers=no a@example.org
    expect 0 'message: ' DKIM
    write 'DKIM-Signature: v=1; bh=x; b=y\nSubject: x\n\nascii\n'
    send -v --add-headers=no a@example.org
    expect_not DKIM
    write 'Subject: x\n\nGrüße\n'
    send -v --add-headers=no a@example.org
    expect_not DKIM
}

@test "HTML, text and an attachment; what is ASCII stays byte for byte" {
    start_server --no 8BITMIME
    write 'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_ b"\n\npreamble \n--=_ b\nContent-Type: multipart/alternative; boundary=c\nContent-Transfer-Encoding: 8bit\n\n--c\n\nascii =20 \n--c\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<p>Grüße</p>\n--c--\n--=_ b\nContent-Type: application/x; name="a.bin"\nContent-Description: über\nContent-Disposition: attachment; filename="a.bin"\n\n\xff\xfe\n\n\x80\n--=_ b--\nepilogue\n'
    deliver
    assert_seen_same
    grep -qx $'ascii =20 \r' "$(delivered)"
    grep -qx $'preamble \r' "$(delivered)"
    grep -qx $'epilogue\r' "$(delivered)"
}

@test "messages in messages are converted inside, and not encoded" {
    start_server --no 8BITMIME
    write 'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: Ärger\nContent-Type: message/rfc822\n\nSubject: innen\nX-Note: ganz innen: ß\n\nÖl\n--b--\n'
    deliver
    assert_seen_same
    run grep -ci 'quoted-printable\|base64' "$(delivered)"
    assert_output 1
}

@test "a binary attachment that says 8bit, and file names that are not ASCII" {
    start_server --no 8BITMIME
    {
        write 'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\nContent-Disposition: attachment;\n filename="Maß \\"1\\".png"\nContent-Transfer-Encoding: 8bit\n\n'
        cat "$message"
        python3 -c 'import sys
data = bytes(range(1, 256)) * 400
sys.stdout.buffer.write(data.replace(b"\r", b"").replace(b"\n", b""))'
        printf '\n--b--\n'
    } >"$message.new"
    mv "$message.new" "$message"
    deliver
    python3 - "$(delivered)" <<'END'
import sys
from email import message_from_binary_file

part = message_from_binary_file(open(sys.argv[1], 'rb')).get_payload()[0]
wanted = (bytes(range(1, 256)) * 400).replace(b'\r', b'').replace(b'\n', b'')
assert part.get_filename() == 'Maß "1".png', part.get_filename()
assert part.get_payload(decode=True) == wanted
END
}

@test "by BDAT the chunk has the size of what is sent" {
    start_server --no 8BITMIME --offer CHUNKING
    write 'Subject: ä\n\n.ä\n'
    deliver
    assert_seen_same
    assert_dialogue "BDAT $(wc -c <"$(delivered)") LAST"
}

@test "where 8BITMIME is offered nothing is converted" {
    start_server
    write 'Subject: x\n\nGrüße\n'
    send --add-headers=no a@example.org
    expect 0
    printf 'Subject: x\r\n\r\nGrüße\r\n' >"$BATS_TEST_TMPDIR/wanted"
    assert_same_file "$BATS_TEST_TMPDIR/wanted" "$(delivered)"
}

@test "what can't be converted without harm: 65, the reason, and no MAIL" {
    start_server --no 8BITMIME
    write 'MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b\n\n--b\n\nä\n--b--\n'
    send a@example.org
    expect 65 8BITMIME signature
    write 'MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nä\n'
    send a@example.org
    expect 65 8BITMIME base64
    write 'Subject: \xe4\n\nx\n'
    send a@example.org
    expect 65 8BITMIME "'Subject'" 'not UTF-8'
    write 'To: ä@example.org\n\nx\n'
    send a@example.org
    expect 65 8BITMIME "'To'"
    refute_dialogue MAIL
    assert_delivered 0
}

@test "a streamed message is not converted: 65 where 8-bit text comes" {
    start_server --no 8BITMIME
    submit --stream --add-headers=no a@example.org < <(printf 'Subject: x\n\nGrüße\n')
    expect 65 8BITMIME --stream
    submit --stream --add-headers=no a@example.org < <(printf 'Subject: Grüße\n\nx\n')
    expect 65 8BITMIME --stream
    assert_delivered 0
    submit --stream --add-headers=no a@example.org < <(printf 'Subject: x\n\nascii\n')
    expect 0
    assert_delivered 1
}

@test "where -B 7bit asks for 7 bits the server is not blamed" {
    start_server
    submit -B 7bit --stream --add-headers=no a@example.org < <(printf 'Subject: x\n\nGrüße\n')
    expect 65 --stream '-B 7bit'
    expect_not lacks
    write 'MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b\n\n--b\n\nä\n--b--\n'
    send -B 7bit a@example.org
    expect 65 signature '-B 7bit'
    expect_not lacks
    assert_delivered 0
}
