/* base64.h: reading base64 (RFC 4648 section 4) fast, strict, and where it stands.
 *
 * For text that is long, or in lines; text_unbase64 in text.h is for all other. Strict: no other
 * digits, padding only at the end, no bits left over. The functions move *AT, never beyond END,
 * and write to OUT, which may be where the text is: four digits make three bytes. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* The digits by their values. */
extern const char base64_digits[65];

/* What each byte stands for as a digit in each place of a group of four: a table for each place
 * saves the shifts, which are a third of the work. Filled once for many texts. */
struct base64 {
    uint32_t place[4][256];
};

void base64_init(struct base64 *b);

/* Decode groups of four digits without padding, up to what is none. The bytes written; OUT needs
 * room for one more. */
size_t base64_groups(const struct base64 *b, const unsigned char **at, const unsigned char *end,
                     unsigned char *out);

/* Decode one group that may have padding: 1 to 3 bytes, or 0 where the four bytes are none. OUT
 * needs room for 4. */
size_t base64_group(const struct base64 *b, const unsigned char group[4], unsigned char *out);

/* Decode text in lines (RFC 7468 section 3) of any length. Lines may end in blanks (tabs and CR
 * among them), some may be empty, and groups may go on in the next. The text ends after padding or
 * at a byte that is no digit: *AT is there, or behind the blanks before it, and the caller knows
 * whether that is a good end. The bytes written, or 0 where there are none or digits are left
 * over. OUT must be where the text is, or before. */
size_t base64_lines(const struct base64 *b, const unsigned char **at, const unsigned char *end,
                    unsigned char *out);

#endif
