#include "fs/remote/date.h"

#include "registry/base/library.h"
#include "registry/base/text.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FUNCTIONS(X) X(curl_getdate)
VB_LIBRARY(libcurl, VB_LIB_CURL, FUNCTIONS)

static const int64_t second = 1000000000;

/* Digits after the point, as nanoseconds; *p is left behind them. */
static int64_t fraction(const char **p)
{
    int64_t ns = 0, unit = second / 10;

    if (**p != '.')
        return 0;
    for (++*p; **p >= '0' && **p <= '9'; ++*p, unit /= 10)
        ns += unit * (**p - '0');
    return ns;
}

static int64_t rfc3339(const char *text)
{
    struct tm tm = {0};
    int n = 0;
    const char *p;
    int64_t ns, seconds;

    if (strspn(text, "0123456789") != 4 || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
                                                  &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 6)
        return -1;
    if (tm.tm_year > 2200 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 ||
        tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return -1;
    p = text + n;
    ns = fraction(&p);
    if (strcmp(p, "Z") != 0 && strcmp(p, "+00:00") != 0)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    seconds = timegm(&tm);
    return seconds < 0 ? -1 : seconds * second + ns;
}

int64_t vb_remote_date(const char *text)
{
    int64_t ns = rfc3339(text);
    time_t seconds;

    if (ns >= 0 || !strchr(text, ' ') || vb_library_load(&libcurl_library, NULL) < 0)
        return ns;
    seconds = libcurl.curl_getdate(text, NULL);
    return seconds < 0 || seconds > 7258118400 /* the year 2200 */ ? -1 : (int64_t)seconds * second;
}

int64_t vb_remote_retry_after(const char *text, int64_t now)
{
    int64_t n, moment;

    if (vb_parse_int(text, &n))
        return n < 0 ? -1 : n > 86400 ? 86400 * second : n * second;
    moment = vb_remote_date(text);
    return moment < 0 ? -1 : moment > now ? moment - now : 0;
}
