/* What a C program does with the library. Ends with 0 if all is as it should be. */
#include "schism.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                      \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

static void push(SchismBuilder *builder, uint64_t time, uint32_t process, const char *kind, const char *f,
                 const char *value) {
    char *error = NULL;
    int code = schism_builder_push(builder, time, process, kind, f, "\"x\"", value, "n1", &error);
    if (code != SCHISM_VALID) {
        fprintf(stderr, "push: %s\n", error);
        exit(1);
    }
}

/* A read that returns `read` after 1 and then 2 were written. */
static SchismHistory *history(const char *read) {
    SchismBuilder *builder = schism_builder_new();
    push(builder, 1, 0, "invoke", "write", "1");
    push(builder, 2, 0, "ok", "write", "1");
    push(builder, 3, 0, "invoke", "write", "2");
    push(builder, 4, 0, "ok", "write", "2");
    push(builder, 5, 1, "invoke", "read", NULL);
    push(builder, 6, 1, "ok", "read", read);
    return schism_builder_finish(builder);
}

int main(void) {
    const char *request = "{\"checkers\": [\"linearizable\"]}";
    char *verdicts = NULL, *error = NULL;
    EXPECT(strlen(schism_version()) > 0);

    SchismHistory *good = history("2");
    EXPECT(schism_history_length(good) == 3);
    EXPECT(schism_check(good, request, &verdicts, &error) == SCHISM_VALID);
    EXPECT(strstr(verdicts, "\"validity\":\"valid\"") != NULL);
    schism_text_free(verdicts);
    /* Too little was done to mean anything, and the checkers that fit say so. */
    EXPECT(schism_check(good, NULL, NULL, NULL) == SCHISM_UNKNOWN);
    schism_history_free(good);

    SchismHistory *stale = history("1");
    EXPECT(schism_check(stale, request, &verdicts, &error) == SCHISM_INVALID);
    EXPECT(strstr(verdicts, "stale-read") != NULL);
    schism_text_free(verdicts);
    EXPECT(schism_check(stale, "{\"checkers\": [\"linearisable\"]}", NULL, &error) == SCHISM_USAGE);
    EXPECT(strstr(error, "there is no checker") != NULL);
    schism_text_free(error);
    EXPECT(schism_check(stale, "linearizable", NULL, &error) == SCHISM_USAGE);
    schism_text_free(error);
    schism_history_free(stale);

    const char *edn = "{:process 0 :type :invoke :f :write :value 1}\n{:process 0 :type :ok :f :write :value 1}\n";
    SchismHistory *read = NULL;
    EXPECT(schism_history_read((const uint8_t *)edn, strlen(edn), 0, &read, &error) == SCHISM_VALID);
    EXPECT(schism_history_length(read) == 1);
    schism_history_free(read);
    EXPECT(schism_history_read((const uint8_t *)"?", 1, 0, &read, &error) == SCHISM_USAGE);
    EXPECT(strlen(error) > 0);
    schism_text_free(error);

    SchismBuilder *builder = schism_builder_new();
    EXPECT(schism_builder_push(builder, 1, 0, "done", "read", NULL, NULL, NULL, &error) == SCHISM_USAGE);
    EXPECT(strstr(error, "neither invoke") != NULL);
    schism_text_free(error);
    EXPECT(schism_builder_push(builder, 1, 0, "ok", "read", NULL, NULL, NULL, NULL) == SCHISM_USAGE);
    EXPECT(schism_builder_push(builder, 1, 0, "invoke", "write", NULL, "{", NULL, NULL) == SCHISM_USAGE);
    EXPECT(schism_builder_push(NULL, 1, 0, "invoke", "read", NULL, NULL, NULL, NULL) == SCHISM_USAGE);
    schism_builder_free(builder);
    EXPECT(schism_check(NULL, NULL, NULL, NULL) == SCHISM_USAGE);
    schism_history_free(NULL);
    schism_text_free(NULL);
    return 0;
}
