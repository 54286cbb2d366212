/* test_sasl.c: the mechanisms of AUTH but SCRAM, against the examples of their RFCs. */
#include "exchange.h"

#include "smtp/sasl.h"

static void plain(void)
{
    begin("PLAIN", "tim", "tanstaaftanstaaf");
    answers_bytes("", "\0tim\0tanstaaftanstaaf", 21, "PLAIN: RFC 4616's first example");
    fails("", SASL_UNABLE, "PLAIN has said all");
    end();
    begin("PLAIN", "Kurt", "xipj3plmq");
    identity.authzid = "Ursel";
    answers_bytes("", "Ursel\0Kurt\0xipj3plmq", 20, "RFC 4616's second: with an authzid");
    end();
    begin("PLAIN", "me@example.org", "pass\xc3\xa9, =");
    answers_bytes("", "\0me@example.org\0pass\xc3\xa9, =", 25, "nothing is escaped in PLAIN");
    end();
    begin("PLAIN", "tim", "secret");
    fails("what?", SASL_UNABLE, "PLAIN answers no challenge");
    ok(!response.len, "and tells nothing then");
    end();
    begin("PLAIN", "tim", "secret");
    buf_init(&response, 5);
    ok(step("") == SASL_OK && response.failed, "what does not fit is noticed");
    end();
}

static void login(void)
{
    begin("LOGIN", "tim", "secret");
    ok(!exchange.mechanism->initial, "LOGIN waits for the server");
    answers("User Name\0x", "tim", "the user first, whatever the prompt");
    answers("", "secret", "then the password");
    fails("Password:", SASL_UNABLE, "and no more");
    end();
}

static void external(void)
{
    begin("EXTERNAL", NULL, NULL);
    answers("", "", "EXTERNAL: nothing, the certificate says it");
    fails("", SASL_UNABLE, "once");
    end();
    begin("EXTERNAL", "tim", NULL);
    answers("", "tim", "EXTERNAL: the user");
    end();
    begin("EXTERNAL", "tim", NULL);
    identity.authzid = "Ursel";
    answers("", "Ursel", "EXTERNAL: or whom to act for");
    end();
    begin("EXTERNAL", "tim", NULL);
    fails("why?", SASL_UNABLE, "EXTERNAL answers no challenge");
    end();
}

static void cram_md5(void)
{
    begin("CRAM-MD5", "tim", "tanstaaftanstaaf");
    ok(!exchange.mechanism->initial, "CRAM-MD5 waits for the server");
    answers_coded("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
                  "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "RFC 2195's example");
    fails("<more@example.org>", SASL_UNABLE, "once");
    end();
    begin("CRAM-MD5", "tim", "tanstaaftanstaaf");
    fails("", SASL_UNABLE, "no digest of nothing");
    ok(!response.len, "and nothing told");
    end();
    begin("CRAM-MD5", "tim", "tanstaaftanstaaf");
    ok(step_bytes("<a\0b>", 5) == SASL_OK && response.len == 36, "a challenge is bytes");
    end();
    /* RFC 2202's sixth case: a key longer than a block is hashed first. */
    begin("CRAM-MD5", "u", NULL);
    binding.len = 0;
    for (int i = 0; i < 80; i++)
        buf_addch(&binding, (char)0xaa);
    identity.password = secret(binding.data);
    answers("Test Using Larger Than Block-Size Key - Hash Key First",
            "u 6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd", "a long password (RFC 2202)");
    end();
}

/* A token's explanation as it comes to be shown. */
static void explains(const char *mechanism, const char *json, const char *dummy, size_t len,
                     const char *want)
{
    begin(mechanism, "me", "token");
    step("");
    if (!ok(step(json) == SASL_OK && response.len == len && !memcmp(response.data, dummy, len),
            "%s: the dummy response", mechanism))
        tap_bytes("to", json, strlen(json));
    same_text(exchange.said.data, want, "what the server explained");
    end();
}

static void oauthbearer(void)
{
    static const char token[] = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

    begin("OAUTHBEARER", "user@example.com", token);
    exchange.port = "143";
    answers_coded("",
                  "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF"
                  "1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
                  "RFC 7628 section 4.1");
    answers_coded(
        "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkL"
        "WNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb2"
        "5maWd1cmF0aW9uIn0=",
        "AQ==", "section 4.3, the refusal");
    same_text(exchange.said.data, "invalid_token, scope example_scope", "in words");
    fails("{}", SASL_UNABLE, "that is all");
    end();
    begin("OAUTHBEARER", "user@example.com", token);
    answers_coded("",
                  "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF"
                  "1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
                  "section 4.4, SMTP");
    end();
    begin("OAUTHBEARER", "me", "t");
    identity.authzid = "a,b=c";
    exchange.host = exchange.port = NULL;
    answers("", "n,a=a=2Cb=3Dc,\1auth=Bearer t\1\1", "an authzid, escaped; no host");
    end();
    begin("OAUTHBEARER", NULL, "t");
    exchange.port = "submission";
    answers("", "n,,\1host=server.example.com\1auth=Bearer t\1\1",
            "no user, no number of a port");
    end();
}

static void xoauth2(void)
{
    begin("XOAUTH2", "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
    answers_coded(
        "",
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52Y"
        "jNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==",
        "XOAUTH2: Google's example");
    answers_coded(
        "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tY"
        "WlsLmdvb2dsZS5jb20vIn0K",
        "", "its refusal, answered by an empty line");
    same_text(exchange.said.data, "401, scope https://mail.google.com/, schemes bearer mac",
              "in words");
    fails("", SASL_UNABLE, "that is all");
    end();
}

static void explanations(void)
{
    explains("OAUTHBEARER", "{\"status\":\"invalid_token\"}", "\1", 1, "invalid_token");
    explains("OAUTHBEARER", " { \"scope\" : \"s\" ,\n\"status\"\t: \"x\" } ", "\1", 1,
             "x, scope s");
    explains("OAUTHBEARER", "{\"a\":\"status\",\"status\":\"x\"}", "\1", 1, "x");
    explains("OAUTHBEARER", "", "\1", 1, "");
    explains("XOAUTH2", "not JSON", "", 0, "");
    explains("XOAUTH2", "{\"status\":400,\"scope\":\"s\"}", "", 0, "scope s");
    explains("XOAUTH2", "{\"status\":\"no end", "", 0, "");
    explains("XOAUTH2", "{\"status", "", 0, "");
    explains("XOAUTH2", "{\"status\"", "", 0, "");
    explains("XOAUTH2", "{\"status\":", "", 0, "");
    explains("XOAUTH2", "\"", "", 0, "");
}

static void table(void)
{
    static const char *const names[] = {"SCRAM-SHA-256-PLUS",
                                        "SCRAM-SHA-256",
                                        "SCRAM-SHA-1-PLUS",
                                        "SCRAM-SHA-1",
                                        "OAUTHBEARER",
                                        "XOAUTH2",
                                        "GSSAPI",
                                        "EXTERNAL",
                                        "CRAM-MD5",
                                        "PLAIN",
                                        "LOGIN"};
    static const char *const none[] = {"",           "PLAI",      "PLAINX",        "NTLM",
                                       "DIGEST-MD5", "SCRAM-SHA", "SCRAM-SHA-512", "ANONYMOUS"};
    const struct sasl_mechanism *const *m = sasl_all();
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(names[i], "GSSAPI") && !sasl_find("GSSAPI"))
            continue; /* built without */
        ok(*m && !strcmp((*m)->name, names[i]) && sasl_find(names[i]) == *m, "%s, in its place",
           names[i]);
        m += *m != NULL;
    }
    ok(!*m, "and no more");
    ok(sasl_find("scram-sha-256-plus") == sasl_all()[0], "in any case");
    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ok(!sasl_find(none[i]), "no mechanism '%s'", none[i]);
}

static bool able(const char *mechanism)
{
    return sasl_is_able(sasl_find(mechanism), &identity);
}

static bool automatic(const char *mechanism)
{
    return sasl_is_automatic(sasl_find(mechanism), &identity);
}

static void ability(void)
{
    identity = (struct sasl_identity){.user = "me"};
    ok(!able("PLAIN") && !able("SCRAM-SHA-1") && !able("XOAUTH2") && !able("EXTERNAL"),
       "nothing to prove it by");
    identity.certificate = true;
    ok(able("EXTERNAL") && automatic("EXTERNAL"), "a certificate alone");
    identity.password = secret("x");
    ok(able("PLAIN") && able("SCRAM-SHA-256-PLUS") && able("CRAM-MD5") && !able("OAUTHBEARER"),
       "a password");
    ok(able("EXTERNAL") && !automatic("EXTERNAL"), "a certificate besides it only when chosen");
    identity.token = secret("t");
    ok(able("OAUTHBEARER") && able("XOAUTH2"), "a token");
    identity.user = NULL;
    ok(able("OAUTHBEARER") && !able("XOAUTH2") && !able("PLAIN") && able("EXTERNAL"),
       "no user");
    ok(!sasl_find("GSSAPI") || !automatic("GSSAPI"), "Kerberos is never taken unasked");
    secret_free(identity.password);
    secret_free(identity.token);
}

static void prepares(const char *given, const char *want, const char *name)
{
    struct secret *password = secret(given);

    ok(!sasl_prepare_password(&password, &error), "%s: prepared", name);
    same_text(secret_bytes(password), want, name);
    secret_free(password);
}

static void preparation(void)
{
    prepares("pencil", "pencil", "ASCII");
    prepares("a\tb", "a\tb", "ASCII that RFC 8265 forbids is sent as it is");
    prepares("p\x61\xcc\x88ss", "p\xc3\xa4ss", "composed (NFC)");
    prepares("a\xc2\xa0"
             "b\xc3\xa4",
             "a b\xc3\xa4", "a blank is a blank");
    prepares("\xc3\xa4\x07", "\xc3\xa4\x07", "forbidden: as it is");
    prepares("\xe4\xf6", "\xe4\xf6", "no UTF-8: as it is");
}

int main(void)
{
    table();
    ability();
    preparation();
    plain();
    login();
    external();
    cram_md5();
    oauthbearer();
    xoauth2();
    explanations();
    return tap_end();
}
