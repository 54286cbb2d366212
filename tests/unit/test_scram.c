/* test_scram.c: SCRAM against the examples of RFC 5802 and 7677, against values that another
 * program computed (Python's hashlib), and against servers that break its rules one by one. */
#include "exchange.h"

/* A SCRAM exchange that goes well: C1, S1, C2, S2 as in RFC 5802 section 5. */
struct dialogue {
    const char *name, *mechanism, *user, *authzid, *password, *nonce, *binding_type, *binding;
    size_t binding_len;
    bool plus_offered;
    const char *c1, *s1, *c2, *s2;
};

static const struct dialogue dialogues[] = {
    {.name = "RFC 5802 section 5",
     .mechanism = "SCRAM-SHA-1",
     .user = "user",
     .password = "pencil",
     .nonce = "fyko+d2lbbFgONRv9qkxdawL",
     .c1 = "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
     .s1 = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     .c2 = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
           "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     .s2 = "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {.name = "RFC 7677 section 3",
     .mechanism = "SCRAM-SHA-256",
     .user = "user",
     .password = "pencil",
     .nonce = "rOprNGfwEbeRWgbNEkqO",
     .c1 = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     .s1 = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
           "i=4096",
     .c2 = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
           "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     .s2 = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {.name = "SCRAM-SHA-256-PLUS by tls-exporter",
     .mechanism = "SCRAM-SHA-256-PLUS",
     .user = "user",
     .password = "pencil",
     .nonce = "rOprNGfwEbeRWgbNEkqO",
     .binding_type = "tls-exporter",
     .binding = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
     .binding_len = 32,
     .plus_offered = true,
     .c1 = "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     .s1 = "r=rOprNGfwEbeRWgbNEkqO-more,s=c2FsdHNhbHQ=,i=4096",
     .c2 = "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,"
           "r=rOprNGfwEbeRWgbNEkqO-more,p=aZeI001PoFxqA8cbRjTUZosFCs3t7ZSex2G0uJIcKZU=",
     .s2 = "v=/KSiadrzjjT8/UjwnC8Ixc1/k6L2GJS7EGfsfSuCRi0="},
    {.name = "SCRAM-SHA-1-PLUS by tls-unique, ',' and '=' in both names",
     .mechanism = "SCRAM-SHA-1-PLUS",
     .user = "a,b=c",
     .authzid = "the = boss, inc",
     .password = "pencil",
     .nonce = "fyko+d2lbbFgONRv9qkxdawL",
     .binding_type = "tls-unique",
     .binding = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb",
     .binding_len = 12,
     .plus_offered = true,
     .c1 = "p=tls-unique,a=the =3D boss=2C inc,n=a=2Cb=3Dc,r=fyko+d2lbbFgONRv9qkxdawL",
     .s1 = "r=fyko+d2lbbFgONRv9qkxdawL-more,s=c2FsdHNhbHQ=,i=4097",
     .c2 = "c=cD10bHMtdW5pcXVlLGE9dGhlID0zRCBib3NzPTJDIGluYyzw8fLz9PX29/j5+vs=,"
           "r=fyko+d2lbbFgONRv9qkxdawL-more,p=W96TjwavCfg37I6GBpvrBDVJDOg=",
     .s2 = "v=mFR3lXZcArH0JjUAZ6gOUzG+Xac="},
    {.name = "no -PLUS offered though we could; UTF-8; an extension after the count",
     .mechanism = "SCRAM-SHA-256",
     .user = "j\xc3\xbcrgen",
     .password = "p\xc3\xa4ss w\xc3\xb6rd",
     .nonce = "rOprNGfwEbeRWgbNEkqO",
     .binding_type = "tls-exporter",
     .binding = "x",
     .binding_len = 1,
     .c1 = "y,,n=j\xc3\xbcrgen,r=rOprNGfwEbeRWgbNEkqO",
     .s1 = "r=rOprNGfwEbeRWgbNEkqO-more,s=c2FsdHNhbHQ=,i=10000,x=later",
     .c2 = "c=eSws,r=rOprNGfwEbeRWgbNEkqO-more,p=6gItCVilSkzNUZ87FhXUlbqEeHKex4tySRaqHlU5v7U=",
     .s2 = "v=y4s7x8QtT96po8Ptvb0o8xUau+IgQ3gzDJniHW/S2i4="},
};

/* The vector of SCRAM-SHA-1, whose rules are then broken one by one. */
static const struct dialogue *const vector = &dialogues[0];

static void begin_dialogue(const struct dialogue *d)
{
    begin(d->mechanism, d->user, d->password);
    identity.authzid = d->authzid;
    exchange.nonce = d->nonce;
    exchange.binding_type = d->binding_type;
    exchange.plus_offered = d->plus_offered;
    buf_add(&binding, d->binding ? d->binding : "", d->binding_len);
}

static void scram_dialogues(void)
{
    const struct dialogue *d;
    size_t i;

    for (i = 0; i < sizeof(dialogues) / sizeof(dialogues[0]); i++) {
        d = &dialogues[i];
        begin_dialogue(d);
        answers("", d->c1, d->name);
        answers(d->s1, d->c2, "client-final-message");
        answers(d->s2, "", "the server's signature");
        ok(exchange.mechanism->finish(&exchange, &error) == SASL_OK, "and its yes is believed");
        end();
    }
}

/* RFC 5802 section 6: which flag goes with what was offered and what can be bound. */
static void scram_flags(void)
{
    static const struct {
        const char *binding_type;
        bool plus_offered;
        char flag;
    } table[] = {{NULL, false, 'n'},
                 {NULL, true, 'n'},
                 {"tls-exporter", false, 'y'},
                 {"tls-exporter", true, 'n'}};
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        begin("SCRAM-SHA-256", "user", "pencil");
        exchange.binding_type = table[i].binding_type;
        exchange.plus_offered = table[i].plus_offered;
        ok(step("") == SASL_OK && response.data[0] == table[i].flag,
           "flag '%c': binding %s, -PLUS %s", table[i].flag,
           table[i].binding_type ? table[i].binding_type : "none",
           table[i].plus_offered ? "offered" : "not offered");
        end();
    }
}

static void scram_nonces(void)
{
    char first[128];

    begin("SCRAM-SHA-256", "user", "pencil");
    ok(step("") == SASL_OK && response.len < sizeof(first), "a nonce of our own");
    snprintf(first, sizeof(first), "%s", response.data);
    end();
    begin("SCRAM-SHA-256", "user", "pencil");
    ok(step("") == SASL_OK && strcmp(first, response.data) != 0, "another each time");
    ok(response.len > strlen("n,,n=user,r=") + 22 && !strchr(strstr(response.data, "r="), ','),
       "of 128 bits at least, without a comma");
    end();
}

/* Server-first messages to the vector's exchange that no honest server sends. */
#define NONCE      "fyko+d2lbbFgONRv9qkxdawL"
#define GOOD_NONCE "r=" NONCE "3rfcNHYJY1ZVvWVs7j"
#define GOOD_SALT  "s=QSXCR+Q6sek8bf92"
static const struct {
    const char *name, *message;
} lies[] = {
    {"our nonce, not made longer", "r=" NONCE "," GOOD_SALT ",i=4096"},
    {"our nonce, made shorter", "r=fyko+d2lbbFgONRv9qkxdaw," GOOD_SALT ",i=4096"},
    {"another nonce", "r=Fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j," GOOD_SALT ",i=4096"},
    {"our nonce behind another", "r=x" NONCE "3rfcNHYJY1ZVvWVs7j," GOOD_SALT ",i=4096"},
    {"an empty nonce", "r=," GOOD_SALT ",i=4096"},
    {"1 round", GOOD_NONCE "," GOOD_SALT ",i=1"},
    {"0 rounds", GOOD_NONCE "," GOOD_SALT ",i=0"},
    {"4,095 rounds", GOOD_NONCE "," GOOD_SALT ",i=4095"},
    {"2,000,001 rounds", GOOD_NONCE "," GOOD_SALT ",i=2000001"},
    {"10^9 rounds", GOOD_NONCE "," GOOD_SALT ",i=1000000000"},
    {"2^32 + 4096 rounds", GOOD_NONCE "," GOOD_SALT ",i=4294971392"},
    {"2^64 + 4096 rounds", GOOD_NONCE "," GOOD_SALT ",i=18446744073709555712"},
    {"rounds of 40 digits",
     GOOD_NONCE "," GOOD_SALT ",i=1000000000000000000000000000000000004096"},
    {"negative rounds", GOOD_NONCE "," GOOD_SALT ",i=-4096"},
    {"rounds with a sign", GOOD_NONCE "," GOOD_SALT ",i=+4096"},
    {"rounds with a blank", GOOD_NONCE "," GOOD_SALT ",i= 4096"},
    {"rounds that are no number", GOOD_NONCE "," GOOD_SALT ",i=many"},
    {"rounds with a tail", GOOD_NONCE "," GOOD_SALT ",i=4096x"},
    {"rounds of control bytes", GOOD_NONCE "," GOOD_SALT ",i=\x1b[31m"},
    {"no number of rounds", GOOD_NONCE "," GOOD_SALT ",i="},
    {"an empty salt", GOOD_NONCE ",s=,i=4096"},
    {"a salt that is no base64", GOOD_NONCE ",s=%%%,i=4096"},
    {"a salt whose base64 breaks off", GOOD_NONCE ",s=QSXCR+Q6sek8bf9,i=4096"},
    {"an extension that must be known", "m=x," GOOD_NONCE "," GOOD_SALT ",i=4096"},
    {"nothing", ""},
    {"a lone comma", ","},
    {"no nonce", GOOD_SALT ",i=4096"},
    {"no salt", GOOD_NONCE ",i=4096"},
    {"no rounds", GOOD_NONCE "," GOOD_SALT},
    {"only the nonce", GOOD_NONCE},
    {"another order", GOOD_SALT "," GOOD_NONCE ",i=4096"},
    {"an error in place of a challenge", "e=unknown-user"},
    {"a signature in place of a challenge", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
};

/* The vector's exchange, the client's first message said. */
static void begin_vector(void)
{
    begin_dialogue(vector);
    step("");
}

static void scram_lies(void)
{
    static const char with_nul[] = GOOD_NONCE "," GOOD_SALT ",i=4096\0,x=y";
    struct buf large;
    size_t i;

    for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        begin_vector();
        fails(lies[i].message, SASL_FRAUD, lies[i].name);
        ok(!strstr(response.data, "p="), "no proof is given then");
        ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "nor a yes believed");
        end();
    }
    begin_vector();
    fails_bytes(with_nul, sizeof(with_nul) - 1, SASL_FRAUD, "a NUL byte");
    end();
    buf_init(&large, 65536);
    buf_addstr(&large, GOOD_NONCE);
    while (large.len < 9000)
        buf_addstr(&large, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    buf_addstr(&large, "," GOOD_SALT ",i=4096");
    begin_vector();
    fails(large.data, SASL_FRAUD, "a nonce of 9,000 bytes, that no answer has room for");
    end();
    buf_clear(&large);
    buf_addstr(&large, GOOD_NONCE ",s=");
    while (large.len < 9000)
        buf_addstr(&large, "QSXCR+Q6sek8bf92");
    buf_addstr(&large, ",i=4096");
    begin_vector();
    fails(large.data, SASL_FRAUD, "a salt of 9,000 bytes");
    end();
    buf_release(&large);
}

/* The exchange up to the client's proof; then MESSAGE is no signature. */
static void no_signature(const char *message, size_t len, const char *name)
{
    begin_vector();
    step(vector->s1);
    fails_bytes(message, len, SASL_FRAUD, name);
    ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "no yes is believed");
    end();
}

static void scram_signatures(void)
{
    static const char with_nul[] = "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=\0";
    static const char *const wrong[] = {"v=rmF9pqV8S7suAoZWja4dJRkFsKU=",
                                        "v=rmF9pqV8S7suAoZWja4dJRkFsA==",
                                        "v=rmF9pqV8S7suAoZWja4dJRkFsKQA",
                                        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
                                        "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                        "v=%%%%",
                                        "v=",
                                        "v",
                                        "",
                                        "x=y,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
                                        "r=fyko+d2lbbFgONRv9qkxdawL",
                                        " v=rmF9pqV8S7suAoZWja4dJRkFsKQ="};
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        no_signature(wrong[i], strlen(wrong[i]), wrong[i]);
    no_signature(with_nul, sizeof(with_nul) - 1, "a NUL behind the signature");
}

static void scram_endings(void)
{
    begin_vector();
    ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "yes to the first message");
    end();
    begin_dialogue(vector);
    ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "yes before any");
    end();
    begin_vector();
    step(vector->s1);
    ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "yes without a signature");
    end();
    begin_vector();
    step(vector->s1);
    answers("e=invalid-proof", "", "an error is answered, so that 535 can follow");
    same_text(exchange.said.data, "invalid-proof", "and kept");
    ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "a yes after it is a lie");
    fails(vector->s2, SASL_FRAUD, "and so is a signature");
    ok(exchange.mechanism->finish(&exchange, &error) == SASL_FRAUD, "which proves nothing");
    end();
    begin_vector();
    step(vector->s1);
    step(vector->s2);
    fails("", SASL_FRAUD, "a step too many");
    end();
}

/* As many rounds and as few as are accepted. */
static void scram_rounds(void)
{
    begin_vector();
    ok(step(GOOD_NONCE "," GOOD_SALT ",i=4096") == SASL_OK, "4,096 rounds");
    end();
    begin_vector();
    ok(step(GOOD_NONCE "," GOOD_SALT ",i=2000000") == SASL_OK, "2,000,000 rounds");
    end();
}

int main(void)
{
    scram_dialogues();
    scram_flags();
    scram_nonces();
    scram_lies();
    scram_signatures();
    scram_endings();
    scram_rounds();
    return tap_end();
}
