/* test_downgrade.c: the 7-bit form of messages: what becomes of each kind of part and field, what
 * is refused, and that what is decoded by a decoder of our own here is what was there before. */
#include "tap.h"

#include "mail/downgrade.h"
#include "mail/message.h"
#include "mail/mime.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int file_of(const char *data, size_t len)
{
    int fd = memfd_create("message", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

static int drain(struct message *m, struct buf *out, struct err *e)
{
    const char *data;
    size_t len;
    int rc;

    buf_clear(out);
    while ((rc = message_next(m, false, &data, &len, e)) > 0)
        buf_add(out, data, len);
    return rc;
}

/* The 7-bit form of LEN bytes, twice the same and of the size that its facts say. */
static int convert(const char *data, size_t len, struct buf *out, struct err *e)
{
    struct message_options options = {.stream = false};
    const struct message_facts *facts;
    struct message *m = NULL;
    int fd = file_of(data, len), rc;
    struct buf again;

    buf_init(&again, SIZE_MAX);
    rc = message_open(&m, fd, &options, e);
    if (!rc)
        rc = message_downgrade(m, e);
    if (!rc)
        rc = drain(m, out, e);
    if (!rc) {
        facts = message_facts(m);
        if (message_rewind(m, e) || drain(m, &again, e) || again.len != out->len ||
            memcmp(again.data, out->data, out->len) != 0 || !facts->known ||
            facts->size != out->len || facts->body_8bit || facts->header_8bit)
            rc = -2;
    }
    message_free(m);
    buf_release(&again);
    close(fd);
    return rc;
}

/* IN has lines that end in LF, WANT too. */
struct pair {
    const char *name, *in, *want;
};

static void check_pair(const struct pair *p)
{
    struct err e = ERR_INIT;
    struct buf out, want;
    const char *at;

    buf_init(&out, SIZE_MAX);
    buf_init(&want, SIZE_MAX);
    for (at = p->want; *at; at++) {
        if (*at == '\n')
            buf_addch(&want, '\r');
        buf_addch(&want, *at);
    }
    if (convert(p->in, strlen(p->in), &out, &e)) {
        ok(false, "%s", p->name);
        printf("# %s\n", e.message);
    } else {
        same_bytes(out.data, out.len, want.data, want.len, p->name);
    }
    buf_release(&out);
    buf_release(&want);
    err_release(&e);
}

#define UTF8_TEXT                                                                              \
    "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"                             \
    "Content-Transfer-Encoding: quoted-printable\n"
#define TEN   "0123456789"
#define MIXED "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"

static void test_bodies(void)
{
    static const struct pair pairs[] = {
        {"text without MIME fields",
         "S: x\n\nGr\xc3\xbc\xc3\x9f"
         "e\n",
         "S: x\n" UTF8_TEXT "\nGr=C3=BC=C3=9Fe\n"},
        {"no header at all", "\n\xc3\xa4\n", UTF8_TEXT "\n=C3=A4\n"},
        {"text that is not UTF-8", "\n\xe4\n",
         "MIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n"
         "Content-Transfer-Encoding: quoted-printable\n\n=E4\n"},
        {"a character that a line end cuts is no UTF-8", "\n\xc3\n\xa4\n",
         "MIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n"
         "Content-Transfer-Encoding: quoted-printable\n\n=C3\n=A4\n"},
        {"a type stays, MIME-Version is added",
         "Content-Type: text/html; charset=iso-8859-1\n\n\xe4\n",
         "Content-Type: text/html; charset=iso-8859-1\nMIME-Version: 1.0\n"
         "Content-Transfer-Encoding: quoted-printable\n\n=E4\n"},
        {"a type gets the charset that it lacks, whatever follows",
         "MIME-Version: 1.0\nContent-Type:\n text/x (c) ; name=\xc3\xa4;\n b=c;\n\n\xc3\xa4\n",
         "MIME-Version: 1.0\nContent-Type:\n text/x; charset=utf-8 (c) ;\n"
         " name*=UTF-8''%C3%A4;\n b=c;\nContent-Transfer-Encoding: "
         "quoted-printable\n\n=C3=A4\n"},
        {"but not where it has one in another form, or what can't be read",
         MIXED "\n--b\nContent-Type: text/x; CHARSET*=utf-8''utf-8\n\n\xc3\xa4\n"
               "--b\nContent-Type: text/x; charset utf-8\n\n\xc3\xa4\n--b--\n",
         MIXED "\n--b\nContent-Type: text/x; CHARSET*=utf-8''utf-8\n"
               "Content-Transfer-Encoding: quoted-printable\n\n=C3=A4\n"
               "--b\nContent-Type: text/x; charset utf-8\n"
               "Content-Transfer-Encoding: quoted-printable\n\n=C3=A4\n--b--\n"},
        {"nor where all is ASCII",
         "MIME-Version: 1.0\nContent-Type: text/x\nContent-Transfer-Encoding: binary\n\na\n",
         "MIME-Version: 1.0\nContent-Type: text/x\n"
         "Content-Transfer-Encoding: quoted-printable\n\na\n"},
        {"a label is replaced in its place",
         "mime-version: 1.0\nCONTENT-TRANSFER-ENCODING:\n 8BIT (or so)\n"
         "content-type: TEXT/plain\n\n\xe4\n",
         "mime-version: 1.0\nContent-Transfer-Encoding: quoted-printable\n"
         "content-type: TEXT/plain; charset=unknown-8bit\n\n=E4\n"},
        {"trailing blanks, '=', dots, From, control bytes",
         "\n\xe4 \n \na\t\n.\nFrom x\n=20\n\x01\x7f\x0c\t.\n\n",
         "MIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n"
         "Content-Transfer-Encoding: quoted-printable\n\n"
         "=E4=20\n=20\na=09\n.\nFrom x\n=3D20\n=01=7F=0C\t.\n\n"},
        {"lines of 75, 76 and 77",
         "\n\xc3\xa4\n" TEN TEN TEN TEN TEN TEN TEN "56789\n" TEN TEN TEN TEN TEN TEN TEN
         "456789\n" TEN TEN TEN TEN TEN TEN TEN "3456789\n",
         UTF8_TEXT "\n=C3=A4\n" TEN TEN TEN TEN TEN TEN TEN
                   "56789\n" TEN TEN TEN TEN TEN TEN TEN "456789\n" TEN TEN TEN TEN TEN TEN TEN
                   "34567=\n89\n"},
        {"an escape is not broken",
         "\n" TEN TEN TEN TEN TEN TEN TEN "012\xc3\xa4\n" TEN TEN TEN TEN TEN TEN TEN
         "\xc3\xa4 \n",
         UTF8_TEXT "\n" TEN TEN TEN TEN TEN TEN TEN "012=\n=C3=A4\n" TEN TEN TEN TEN TEN TEN TEN
                   "=C3=\n=A4=20\n"},
        {"other types become base64",
         "MIME-Version: 1.0\nContent-Type: application/octet-stream\n\na\xff\n\nb\n",
         "MIME-Version: 1.0\nContent-Type: application/octet-stream\n"
         "Content-Transfer-Encoding: base64\n\nYf8NCg0KYg0K\n"},
        {"the last line gets its end", "Content-Type: image/x\n\n\xff",
         "Content-Type: image/x\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n"
         "/w0K\n"},
        {"message/global may be encoded",
         "MIME-Version: 1.0\nContent-Type: message/global\n\n"
         "Subject: \xc3\xa4\n\n",
         "MIME-Version: 1.0\nContent-Type: message/global\n"
         "Content-Transfer-Encoding: quoted-printable\n\nSubject: =C3=A4\n\n"},
        {"binary data that is ASCII",
         "MIME-Version: 1.0\nContent-Type: a/b\n"
         "Content-Transfer-Encoding: binary\n\nabc\n",
         "MIME-Version: 1.0\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\n"
         "YWJjDQo=\n"},
        {"nothing to do", "Content-Type: a/b\n\nabc \n", "Content-Type: a/b\n\nabc \n"}};
    size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        check_pair(&pairs[i]);
}

static void test_parts(void)
{
    static const struct pair pairs[] = {
        {"only parts with 8-bit data are encoded",
         MIXED "Content-Transfer-Encoding: 8bit\n\npre \n--b\n\nascii=20 \n--b  \n"
               "Content-Type: text/x\nContent-Transfer-Encoding: 8bit\n\n\xe4\n\n--b\n"
               "Content-Type: x/y\n\n\xe4\n--b--\n epi\n--b\n",
         MIXED
         "Content-Transfer-Encoding: 7bit\n\npre \n--b\n\nascii=20 \n--b  \n"
         "Content-Type: text/x; charset=unknown-8bit\n"
         "Content-Transfer-Encoding: quoted-printable\n\n=E4\n\n"
         "--b\nContent-Type: x/y\nContent-Transfer-Encoding: base64\n\n5A==\n--b--\n epi\n"
         "--b\n"},
        {"what is 7-bit now does not say 8bit",
         MIXED "\n--b\nContent-Transfer-Encoding: 8bit\n\nascii\n--b\n\n\xc3\xa4\n--b--\n",
         MIXED "\n--b\nContent-Transfer-Encoding: 7bit\n\nascii\n--b\n"
               "Content-Type: text/plain; charset=utf-8\n"
               "Content-Transfer-Encoding: quoted-printable\n\n=C3=A4\n--b--\n"},
        {"an outer delimiter ends inner parts",
         MIXED "\n--b\nContent-Type: multipart/x; boundary=\"b c\"\n\n--b c\n\n--b x\n"
               "\xc3\xa4\n--b\nContent-Type: x/y\n\n\xff",
         MIXED "\n--b\nContent-Type: multipart/x; boundary=\"b c\"\n\n--b c\n"
               "Content-Type: text/plain; charset=utf-8\n"
               "Content-Transfer-Encoding: quoted-printable\n\n--b x\n=C3=A4\n--b\n"
               "Content-Type: x/y\nContent-Transfer-Encoding: base64\n\n/w0K\n"},
        {"messages in messages",
         MIXED "\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n"
               ">From x\nSubject: \xc3\xa4\nContent-Type: message/rfc822\n\nX: y\n\n\xc3\xa4\n"
               "--b--\n",
         MIXED
         "\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n"
         ">From x\nSubject: =?UTF-8?B?w6Q=?=\nContent-Type: message/rfc822\n\nX: y\n" UTF8_TEXT
         "\n=C3=A4\n--b--\n"},
        {"a part without a type in a digest is a message",
         "MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=b\n\n--b\n\n"
         "X: y\n\n\xc3\xa4\n--b--\n",
         "MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=b\n\n--b\n\nX: "
         "y\n" UTF8_TEXT "\n=C3=A4\n--b--\n"},
        {"a part's header without its empty line",
         MIXED "\n--b\nno field \xc3\xa4\n--b\nX: y\n--b\nX: y\nascii\n--b--\n",
         MIXED "\n--b\nContent-Type: text/plain; charset=utf-8\n"
               "Content-Transfer-Encoding: quoted-printable\n\nno field =C3=A4\n--b\nX: y\n"
               "--b\nX: y\nascii\n--b--\n"},
        {"a delimiter that looks like a field, or like the last one",
         "MIME-Version: 1.0\nContent-Type: multipart/x (a \"b); boundary=\"a:b\\--\" (c)\n\n"
         "--a:b--\n--a:b\n\n\xff\n--a:b----\n--a:b--\n",
         "MIME-Version: 1.0\nContent-Type: multipart/x (a \"b); boundary=\"a:b\\--\" (c)\n\n"
         "--a:b--\n--a:b\nContent-Type: text/plain; charset=unknown-8bit\n"
         "Content-Transfer-Encoding: quoted-printable\n\n=FF\n--a:b----\n--a:b--\n"},
        {"a line of QP never becomes a delimiter",
         "MIME-Version: 1.0\nContent-Type: multipart/x; boundary=b\n\n--b\n"
         "Content-Type: text/x\n\n\xe4" TEN TEN TEN TEN TEN TEN TEN "01--b\n--b--\n",
         "MIME-Version: 1.0\nContent-Type: multipart/x; boundary=b\n\n--b\n"
         "Content-Type: text/x; charset=unknown-8bit\n"
         "Content-Transfer-Encoding: quoted-printable\n\n=E4" TEN TEN TEN TEN TEN TEN TEN
         "01=\n=2D-b\n--b--\n"},
        {"the same without a line end behind the last delimiter",
         MIXED "\n--b\nContent-Type: x/y\n\n\xff\n--b--",
         MIXED "\n--b\nContent-Type: x/y\nContent-Transfer-Encoding: base64\n\n/w==\n--b--\n"},
        {"what is signed stays as it is where it is ASCII",
         MIXED "\n--b\nContent-Type: multipart/signed; boundary=c\n"
               "Content-Transfer-Encoding: 8bit\n\n--c\nContent-Transfer-Encoding: 8bit\n\nx \n"
               "--c--\n--b\nContent-Type: x/y\n\n\xff\n--b--\n",
         MIXED "\n--b\nContent-Type: multipart/signed; boundary=c\n"
               "Content-Transfer-Encoding: 8bit\n\n--c\nContent-Transfer-Encoding: 8bit\n\nx \n"
               "--c--\n--b\nContent-Type: x/y\nContent-Transfer-Encoding: base64\n\n/w==\n"
               "--b--\n"}};
    size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        check_pair(&pairs[i]);
}

static void test_fields(void)
{
    static const struct pair pairs[] = {
        {"text: ASCII words stay, a run of others is one",
         "Subject: a \xc3\xa4  \xc3\xb6 b\nX-Y:\xc3\xa4\n\n",
         "Subject: a =?UTF-8?B?w6QgIMO2?= b\nX-Y:=?UTF-8?B?w6Q=?=\n\n"},
        {"comments: around names, nested, beside quoted text and pairs that are ASCII",
         "To: (\xc3\xa4(b\xc3\xa4)c)\xc3\xa4 <a@b> (\\)\\(), \"(\" <(\xc3\xa4)c@d>\n\n",
         "To: (=?UTF-8?B?w6Q=?=(=?UTF-8?B?YsOk?=)c) =?UTF-8?B?w6Q=?= "
         "<a@b> (\\)\\(), \"(\" <(\n =?UTF-8?B?w6Q=?=)c@d>\n\n"},
        {"comments: a blank beside an encoded word is kept, and folds stay",
         "To: a@b (x\n \xc3\xa4 =?utf-8?q?b?= \xc3\xa4)\n\n",
         "To: a@b (x\n =?UTF-8?B?w6Qg?= =?utf-8?q?b?= =?UTF-8?B?IMOk?=)\n\n"},
        {"text: a blank beside an encoded word is kept",
         "Subject: =?utf-8?q?a?= \xc3\xa4 =?utf-8?q?b?=\n\n",
         "Subject: =?utf-8?q?a?= =?UTF-8?B?IMOkIA==?= =?utf-8?q?b?=\n\n"},
        {"text: folds stay, long lines get some",
         "Comments: a\n \xc3\xa4 " TEN TEN TEN TEN " " TEN TEN TEN " x\n\n",
         "Comments: a\n =?UTF-8?B?w6Q=?= " TEN TEN TEN TEN "\n " TEN TEN TEN " x\n\n"},
        {"text: encoded words of 75 at most, characters whole",
         "Subject: \xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
         "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
         "\xe6\x97\xa5\xc3\xa4\n\n",
         "Subject: =?UTF-8?B?5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel?=\n"
         " =?UTF-8?B?5pelw6Q=?=\n\n"},
        {"names: only they, each as one",
         "To: J\xc3\xb6rg A. M\xc3\xbcller <a@b>,\"M\xc3\xbcller, \\\"J\\\"\"<c@d>, e@f\n"
         "Cc: \xc3\xa4: a@b, X \xc3\xa4 Y (z) <c@d>;\nFrom:\xc3\xa4 <@r:a@b>\n\n",
         "To: =?UTF-8?B?SsO2cmcgQS4gTcO8bGxlcg==?= <a@b>,\n"
         " =?UTF-8?B?TcO8bGxlciwgIkoi?= <c@d>, e@f\n"
         "Cc: =?UTF-8?B?w6Q=?= : a@b, X =?UTF-8?B?w6Q=?= Y (z) <c@d>;\n"
         "From: =?UTF-8?B?w6Q=?= <@r:a@b>\n\n"},
        {"keywords", "Keywords: a, \xc3\xa4 b,c\xc3\xa4\n\n",
         "Keywords: a, =?UTF-8?B?w6Q=?= b, =?UTF-8?B?Y8Ok?=\n\n"},
        {"parameters by RFC 2231",
         "Content-Disposition: attachment; a=b;\n filename=\"\xc3\xa4 \\\"b.x\"; c=d\n"
         "Content-Type: text/x; name=\xc3\xa4\n\nx\n",
         "Content-Disposition: attachment; a=b;\n filename*=UTF-8''%C3%A4%20%22b.x; c=d\n"
         "Content-Type: text/x;\n name*=UTF-8''%C3%A4\n\nx\n"}};
    size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        check_pair(&pairs[i]);
}

static void refused(const char *in, size_t len, const char *why)
{
    struct err e = ERR_INIT;
    struct buf out;
    int rc;

    buf_init(&out, SIZE_MAX);
    rc = convert(in, len, &out, &e);
    if (!ok(rc == -1 && e.kind == ERR_DATA && strstr(e.message, why), "refused: %s", why))
        printf("# %d: %s\n", rc, e.message);
    buf_release(&out);
    err_release(&e);
}

static void test_refusals(void)
{
    static const struct {
        const char *in, *why;
    } cases[] = {
        {"Content-Type: multipart/signed; boundary=b\n\n--b\n\n\xe4\n--b--\n", "signature"},
        {"Content-Type: message/partial; id=x\n\n\xe4\n", "message/partial"},
        {"Content-Type: message/delivery-status\n\n\xe4\n", "message/ type"},
        {"Content-Transfer-Encoding: base64\n\n\xe4\n", "base64"},
        {"Content-Transfer-Encoding: quoted-printable\nContent-Type: multipart/mixed; "
         "boundary=b\n\n--b\n\n\xe4\n",
         "quoted-printable"},
        {"Content-Transfer-Encoding: 8bit 7bit\n\n\xe4\n", "unknown Content-Transfer-Encoding"},
        {"Content-Transfer-Encoding: x-uuencode\n\n\xe4\n", "unknown Content-Transfer-Enc"},
        {"Content-Type: text/plain\nContent-Type: text/html\n\n\xe4\n", "one Content-Type"},
        {"Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: 7bit\n\n\xe4\n",
         "one Content-Transfer-Encoding"},
        {"Content-Type: text\n\n\xe4\n", "can't be read"},
        {"Content-Type: multipart/mixed\n\n\xe4\n", "no boundary"},
        {"Content-Type: multipart/mixed; boundary=a; boundary=b\n\n\xe4\n", "no boundary"},
        {"Content-Type: multipart/mixed; boundary*=us-ascii''a\n\n\xe4\n", "no boundary"},
        {"Content-Type: multipart/mixed; boundary=\"a \"\n\n\xe4\n", "no boundary"},
        {"Content-Type: multipart/mixed; boundary=" TEN TEN TEN TEN TEN TEN TEN "x\n\n\xe4\n",
         "no boundary"},
        {MIXED "\n\xe4\n--b--\n", "outside of its parts"},
        {MIXED "\n--b\n\n--b--\n\xe4\n", "outside of its parts"},
        {MIXED "\n--b\nContent-Type: multipart/x; boundary=b\n\n\xe4\n--b--\n", "boundary of"},
        {MIXED "\n--b\nContent-Type: multipart/x; boundary=b--\n\n\xe4\n", "boundary of"},
        {MIXED "\n--b\nSubject: \xe4\n\n--b--\n", "its field 'Subject' has 8-bit text that is"},
        {"Subject: \xe4\n\n", "not UTF-8"},
        {"To: \xc3\xa4@b\n\n", "its field 'To' has 8-bit text where"},
        {"To: a@b (\\\xc3\xa4)\n\n", "its field 'To'"},
        {"To: a@b (\xc3\xa4\n\n", "its field 'To'"},
        {"To: \xc3\xa4 (x) \xc3\xa4 <a@b>\n\n", "its field 'To'"},
        {"Date: x (\xc3\xa4)\n\n", "its field 'Date'"},
        {"To: \xc3\xa4 =?utf-8?q?x?= <a@b>\n\n", "can't be made an encoded word"},
        {"To: \xc3\xa4 (c) \xc3\xa4 <a@b>\n\n", "can't be made an encoded word"},
        {"Message-ID: <\xc3\xa4@b>\n\n", "its field 'Message-ID'"},
        {"List-Post: <\xc3\xa4@b>\n\n", "its field 'List-Post'"},
        {"Content-Type: text/x; boundary=\xc3\xa4\n\n", "its field 'Content-Type'"},
        {"Content-Type: text/x; a*=\xc3\xa4\n\n", "its field 'Content-Type'"},
        {"Content-Type: text/x; \xc3\xa4=b\n\n", "its field 'Content-Type'"}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(cases[i].in, strlen(cases[i].in), cases[i].why);
}

static void test_bounds(void)
{
    struct err e = ERR_INIT;
    struct buf in, out;
    int i, n;

    buf_init(&in, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    for (n = MIME_DEPTH_MAX; n <= MIME_DEPTH_MAX + 1; n++) {
        buf_clear(&in);
        for (i = 0; i < n; i++)
            buf_addf(&in, "Content-Type: multipart/x; boundary=b%d.\n\n--b%d.\n", i, i);
        buf_addstr(&in, "Content-Type: text/x\n\n\xe4\n");
        if (n == MIME_DEPTH_MAX)
            ok(convert(in.data, in.len, &out, &e) == 0 && strstr(out.data, "\n=E4\r\n"),
               "as deep as it may be");
        else
            refused(in.data, in.len, "too deep");
    }
    buf_clear(&in);
    for (i = 0; i < DOWNGRADE_PARTS_MAX - 1; i++)
        buf_addstr(&in, "Content-Type: message/rfc822\n\n");
    buf_addstr(&in, "Content-Type: x/y\n\n\xff\n");
    ok(convert(in.data, in.len, &out, &e) == 0 && strstr(out.data, "base64\r\n\r\n/w0K\r\n"),
       "messages nested %d times", DOWNGRADE_PARTS_MAX - 1);
    buf_clear(&in);
    buf_addstr(&in, MIXED "\n");
    for (i = 0; i < DOWNGRADE_PARTS_MAX; i++)
        buf_addstr(&in, "--b\n\n");
    refused(in.data, in.len, "too many parts");
    buf_release(&in);
    buf_release(&out);
    err_release(&e);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What quoted-printable TEXT stands for; false where it is not, or has a line over 76. */
static bool decode_qp(const char *text, size_t len, struct buf *out)
{
    size_t i, column = 0;

    for (i = 0; i < len; i++, column++) {
        if (text[i] == '\r') {
            if (column > 76 || (i && (text[i - 1] == ' ' || text[i - 1] == '\t')))
                return false;
            buf_addstr(out, "\r\n");
            i++;
            column = (size_t)-1;
        } else if (text[i] != '=') {
            buf_addch(out, text[i]);
        } else if (text[i + 1] == '\r') {
            if (++column > 76)
                return false;
            i += 2;
            column = (size_t)-1;
        } else {
            if (hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                return false;
            buf_addch(out, (char)(hex(text[i + 1]) * 16 + hex(text[i + 2])));
            i += 2;
            column += 2;
        }
    }
    return column == 0;
}

static bool decode_base64(const char *text, size_t len, struct buf *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned long bits = 0;
    size_t i, count = 0, column = 0;
    const char *digit;

    for (i = 0; i < len && text[i] != '='; i++, column++) {
        if (text[i] == '\r' && text[i + 1] == '\n' && column <= 76) {
            column = (size_t)-1;
            i++;
            continue;
        }
        digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        bits = (bits << 6 | (unsigned long)(digit - digits)) & 0xffffff;
        count++;
        if (count % 4 != 1)
            buf_addch(out, (char)(bits >> (8 - count % 4 * 2) % 8 & 0xff));
    }
    return true;
}

/* A body of about SIZE bytes of all sorts without NUL, bare CR and LF; the last line ended. */
static void make_body(struct buf *body, size_t size, unsigned seed)
{
    unsigned long n = seed;
    char c;

    buf_clear(body);
    while (body->len < size) {
        n = n * 1103515245 + 12345;
        c = (char)(n >> 16 & 0xff);
        if (n >> 24 & 1 && seed % 3 == 0)
            c = ' ';
        if (!c || c == '\r' || (c == '\n' && seed % 2))
            continue;
        if (c == '\n')
            buf_addch(body, '\r');
        buf_addch(body, c);
    }
    buf_addstr(body, "\xff\r\n");
}

static bool round_trips(const char *type, const struct buf *body)
{
    struct err e = ERR_INIT;
    struct buf in, out, back;
    const char *text;
    size_t len;
    bool good;

    buf_init(&in, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    buf_init(&back, SIZE_MAX);
    buf_addf(&in, "Content-Type: %s\n\n", type);
    buf_add(&in, body->data, body->len);
    good = convert(in.data, in.len, &out, &e) == 0 && strstr(out.data, "\r\n\r\n");
    if (good) {
        text = strstr(out.data, "\r\n\r\n") + 4;
        len = out.len - (size_t)(text - out.data);
        good = *type == 't' ? decode_qp(text, len, &back) : decode_base64(text, len, &back);
        good = good && back.len == body->len && !memcmp(back.data, body->data, back.len);
    }
    buf_release(&in);
    buf_release(&out);
    buf_release(&back);
    err_release(&e);
    return good;
}

/* Sizes about those of the windows and of the longest piece of a line, with and without line
 * ends. */
static void test_round_trips(void)
{
    static const size_t sizes[] = {0,     1,     55,    56,    57,     58,     65533, 65534,
                                   65535, 65536, 65537, 65538, 131072, 131073, 300000};
    struct buf body;
    unsigned seed;
    size_t i, bad = 0;

    buf_init(&body, SIZE_MAX);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (seed = 0; seed < 6; seed++) {
            make_body(&body, sizes[i], seed);
            if (!round_trips("text/x", &body) || !round_trips("x/y", &body)) {
                printf("# size %zu, seed %u\n", sizes[i], seed);
                bad++;
            }
        }
    }
    ok(!bad, "what is decoded is what was there");
    /* A blank that ends both a piece and its line; a character that a piece's end cuts. */
    buf_clear(&body);
    buf_addstr(&body, "\xc3\xa4\r\n");
    for (i = 0; i < HEADER_LINE_MAX; i++)
        buf_addch(&body, 'x');
    buf_addstr(&body, " \r\n");
    ok(round_trips("text/x", &body), "a blank at the end of a piece of a line");
    buf_release(&body);
}

static void test_cut_character(void)
{
    struct err e = ERR_INIT;
    struct buf in, out;
    size_t i;
    int cut, bad = 0;

    buf_init(&in, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    for (cut = 0; cut < 6; cut++) {
        buf_clear(&in);
        buf_addstr(&in, "\n");
        for (i = 0; i < HEADER_LINE_MAX + 1 - (size_t)cut; i++)
            buf_addch(&in, 'x');
        buf_addstr(&in, "\xf0\x9f\x98\x80\xe6\x97\xa5\n");
        bad += convert(in.data, in.len, &out, &e) != 0 || !strstr(out.data, "charset=utf-8");
        buf_addstr(&in, "\x80\n");
        bad += convert(in.data, in.len, &out, &e) != 0 || !strstr(out.data, "unknown-8bit");
    }
    ok(!bad, "characters that the end of a piece cuts");
    buf_release(&in);
    buf_release(&out);
    err_release(&e);
}

/* The server's offer is known late: the message may have been looked at and sent before. */
static void test_late(void)
{
    static const char text[] = "To: a@b\nSubject: \xc3\xa4\n\n\xc3\xa4\n";
    static const char bad[] = "Subject: x\n\n--\xc3\xa4\n", bad_field[] = "To: \xc3\xa4@b\n\n";
    struct message_options options = {.stream = false};
    struct err e = ERR_INIT;
    struct message *m;
    struct buf raw, out;
    int fd = file_of(text, strlen(text));

    buf_init(&raw, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    ok(!message_open(&m, fd, &options, &e) && !drain(m, &raw, &e) && !message_rewind(m, &e) &&
           !message_downgrade(m, &e) && !drain(m, &out, &e) && !message_rewind(m, &e) &&
           !message_downgrade(m, &e) && !drain(m, &raw, &e),
       "after it was sent, and twice");
    same_bytes(raw.data, raw.len, out.data, out.len, "the same both times");
    same_text(out.data,
              "To: a@b\r\nSubject: =?UTF-8?B?w6Q=?=\r\nMIME-Version: 1.0\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n",
              "the 7-bit form");
    message_free(m);
    close(fd);
    fd = file_of(bad_field, strlen(bad_field));
    ok(!message_open(&m, fd, &options, &e) && message_downgrade(m, &e) == -1 &&
           !drain(m, &out, &e) && message_facts(m)->header_8bit,
       "what is refused stays as it was");
    same_bytes(out.data, out.len, "To: \xc3\xa4@b\r\n\r\n", 12, "all of it");
    message_free(m);
    close(fd);
    options.stream = true;
    fd = file_of(bad, strlen(bad));
    err_release(&e);
    ok(!message_open(&m, fd, &options, &e) && !message_downgrade(m, &e) &&
           drain(m, &out, &e) == -1 && e.kind == ERR_DATA && strstr(e.message, "as it is read"),
       "a stream is refused where 8-bit text comes");
    message_free(m);
    close(fd);
    fd = file_of(bad_field, strlen(bad_field));
    err_release(&e);
    ok(!message_open(&m, fd, &options, &e) && message_downgrade(m, &e) == -1 &&
           e.kind == ERR_DATA,
       "or before, where the header has it");
    message_free(m);
    close(fd);
    buf_release(&raw);
    buf_release(&out);
    err_release(&e);
}

int main(void)
{
    test_bodies();
    test_parts();
    test_fields();
    test_refusals();
    test_bounds();
    test_round_trips();
    test_cut_character();
    test_late();
    return tap_end();
}
