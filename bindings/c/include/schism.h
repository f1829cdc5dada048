/* schism's judges of histories. A history goes in, verdicts come out as JSON.
 *
 * Every function may be called from any thread; a builder from one at a time. Pointers that a function hands out are
 * freed by the function named with it, once. On an error, `*error` (unless `error` is NULL) gets a message, which
 * schism_text_free frees, and nothing else is written. */
#ifndef SCHISM_H
#define SCHISM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return: as the exit codes of the program. */
enum {
    SCHISM_VALID = 0,   /* it worked; of schism_check: valid */
    SCHISM_INVALID = 1, /* an anomaly, proved */
    SCHISM_UNKNOWN = 2, /* it is not known: too little was done, or a budget was spent */
    SCHISM_USAGE = 64,  /* what was passed is wrong */
    SCHISM_BUG = 70     /* a bug of schism, or two of its algorithms disagree */
};

typedef struct SchismHistory SchismHistory;
typedef struct SchismBuilder SchismBuilder;

/* The version of the library; not freed. */
const char *schism_version(void);

/* Reads a history in any format that `schism check` reads; which one it is, it finds by itself. `keyed` is for Jepsen's
 * formats: nonzero when each value is a pair of key and value. Free it with schism_history_free. */
int schism_history_read(const uint8_t *bytes, size_t length, int keyed, SchismHistory **history, char **error);

/* A history event by event, in the order of time. */
SchismBuilder *schism_builder_new(void);

/* Adds an event: `time` in nanoseconds; `process`, which has one operation open at a time; `kind`, which is "invoke",
 * "ok", "fail" (it surely did not happen) or "info" (unknown; the process calls no more); the function `f`, as "read";
 * `key` and `value` as JSON, or NULL; the name of the node, or NULL. What is refused leaves the builder as it was. */
int schism_builder_push(SchismBuilder *builder, uint64_t time, uint32_t process, const char *kind, const char *f,
                        const char *key, const char *value, const char *node, char **error);

/* Makes a history of what was pushed; the builder is gone. Free it with schism_history_free. */
SchismHistory *schism_builder_finish(SchismBuilder *builder);

/* How many operations a history has. */
size_t schism_history_length(const SchismHistory *history);

/* Judges a history; returns the heaviest answer. `request` is NULL (the checkers that fit, the default budget) or JSON:
 * {"checkers": ["linearizable", ...], "level": "serializable", "model": "queue", "steps": 1000000, "bytes": 1000000000},
 * each part optional. `*verdicts`, unless `verdicts` is NULL, gets a list of verdicts as they stand in verdict.json; free
 * it with schism_text_free. */
int schism_check(const SchismHistory *history, const char *request, char **verdicts, char **error);

void schism_history_free(SchismHistory *history);
void schism_builder_free(SchismBuilder *builder); /* only if it was not finished */
void schism_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
