/* libFuzzer target: what a job was named with by the session that has left it behind. Whatever
 * it is, it becomes a job that can be shown and ended, or none. */
#include "keep.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOWN_MAX = 65536 }; /* parts; more take memory, and nothing else */

static void show(job_t *job)
{
    size_t count;
    job_end_orphans(job);
    job_answer_t *answers = job_answers(job, JOB_REST, &count);
    timing_t timing = job_timing(job);
    if (!job->done && count > 0)
        abort();
    if (timing.elapsed_s < 0)
        abort();
    job_answers_release(&answers, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    job_t *job = keep_read((tt_span_t){data, size});
    if (job == NULL)
        return 0;
    if (job->number < 1 || (!job->map && job->engine_count != job->part_count))
        abort();
    if (job->part_count <= SHOWN_MAX)
        show(job);
    job_destroy(&job);
    return 0;
}
