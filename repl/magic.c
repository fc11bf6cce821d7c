/* The table of magics. */
#include "magic.h"

#include <string.h>

#define COUNT(table) (sizeof table / sizeof *table)
#define NO_OPTIONS   NULL, 0

static const words_option_t px_options[] = {
    {'t', "targets", true},  {'x', "exclude", true}, {0, "timeout", true},
    {'a', "noblock", false}, {'b', "block", false},
};

static const words_option_t map_options[] = {
    {'t', "targets", true},  {'x', "exclude", true}, {0, "timeout", true},
    {'a', "noblock", false}, {'b', "block", false},  {0, "retries", true},
};

static const words_option_t value_options[] = {
    {'t', "targets", true},
    {'x', "exclude", true},
};

static const words_option_t targets_options[] = {{'x', "exclude", true}};
static const words_option_t wait_options[] = {{0, "timeout", true}};

const magic_t magics[] = {
    {"px", "[-t SET] [--noblock] CODE", "runs code on the engines", "Most used",
     GRAMMAR_KNOWN | GRAMMAR_CODE | GRAMMAR_CELL, px_options, COUNT(px_options), magic_px},
    {"map", "[-t SET] [--retries N] FUNC ITEMS [ITEMS ...]",
     "calls a function for each item, balanced over the engines", "Most used",
     GRAMMAR_KNOWN | GRAMMAR_CODE, map_options, COUNT(map_options), magic_map},
    {"push", "[-t SET] NAME [NAME ...]", "sends values of yours to the engines", "Most used",
     GRAMMAR_KNOWN, value_options, COUNT(value_options), magic_push},
    {"pull", "[-t SET] NAME [NAME ...]", "brings values of the engines here", "Most used",
     GRAMMAR_KNOWN, value_options, COUNT(value_options), magic_pull},
    {"targets", "[-x SET] [SET]", "shows or sets which engines are meant from here on",
     "Most used", GRAMMAR_KNOWN, targets_options, COUNT(targets_options), magic_targets},
    {"jobs", "", "lists the jobs of this session", "Most used", GRAMMAR_KNOWN, NO_OPTIONS,
     magic_jobs},
    {"status", "", "shows the engines and what they do", "Most used", GRAMMAR_KNOWN, NO_OPTIONS,
     magic_status},
    {"help", "[NAME]", "this list, or one magic's help", "Most used", GRAMMAR_KNOWN, NO_OPTIONS,
     magic_help},
    {"result", "[N]", "shows a job's answers again, waiting for them", "Jobs", GRAMMAR_KNOWN,
     NO_OPTIONS, magic_result},
    {"wait", "[--timeout S] [N ...]", "waits for jobs in the background", "Jobs", GRAMMAR_KNOWN,
     wait_options, COUNT(wait_options), magic_wait},
    {"cancel", "N [N ...]", "ends jobs: what waits never starts, what runs is interrupted",
     "Jobs", GRAMMAR_KNOWN, NO_OPTIONS, magic_cancel},
    {"interrupt", "[SET]", "interrupts whatever runs on engines", "Engines", GRAMMAR_KNOWN,
     NO_OPTIONS, magic_interrupt},
    {"restart", "[SET]", "starts engines again, with empty namespaces", "Engines",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_restart},
    {"why", "", "tells why engines are missing", "Engines", GRAMMAR_KNOWN, NO_OPTIONS,
     magic_why},
    {0},
};

const magic_t *magic_find(const char *name)
{
    for (const magic_t *row = magics; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

unsigned magic_about(const char *name)
{
    const magic_t *row = magic_find(name);
    return row ? row->flags : 0;
}
