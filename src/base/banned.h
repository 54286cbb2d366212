/* banned.h: library functions that src/ does without.
 *
 * The Makefile includes this file ahead of every file of src/. A use fails to compile:
 * "use of undeclared identifier 'strcpy_is_banned'". They write past their target, cut or fail
 * to end a string without a word, take no error for an answer, keep state between calls, or
 * race. Instead: struct buf, snprintf, strtoll and kin with their errors checked, strtok_r,
 * mkstemp, localtime_r, gmtime_r and strftime.
 *
 * The headers that declare these functions come first: a macro of the same name would spoil the
 * declaration. (#pragma GCC poison would spoil every system header included later on.) */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(function) function##_is_banned

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef stpcpy
#define stpcpy(...) BANNED(stpcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef stpncpy
#define stpncpy(...) BANNED(stpncpy)
#undef strncat
#define strncat(...) BANNED(strncat)
#undef strtok
#define strtok(...) BANNED(strtok)

#undef gets
#define gets(...) BANNED(gets)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)

#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef atoll
#define atoll(...) BANNED(atoll)
#undef atof
#define atof(...) BANNED(atof)

#undef mktemp
#define mktemp(...) BANNED(mktemp)
#undef tmpnam
#define tmpnam(...) BANNED(tmpnam)
#undef tmpnam_r
#define tmpnam_r(...) BANNED(tmpnam_r)
#undef tempnam
#define tempnam(...) BANNED(tempnam)

#undef localtime
#define localtime(...) BANNED(localtime)
#undef gmtime
#define gmtime(...) BANNED(gmtime)
#undef ctime
#define ctime(...) BANNED(ctime)
#undef asctime
#define asctime(...) BANNED(asctime)

#endif
