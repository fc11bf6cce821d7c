/* libFuzzer target: what a job was named with by the session that has left it behind. Whatever
 * it is, it becomes a job that can be shown and ended, or none. */
#include "keep.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    job_t *job = keep_read((tt_span_t){data, size});
    if (job == NULL)
        return 0;
    if (job->number < 1 || (!job->map && job->engine_count != job->part_count))
        abort();
    job_end_orphans(job);
    job_answer_t *answers = job_answers(job, JOB_REST, &count);
    timing_t timing = job_timing(job);
    if (!job->done && count > 0)
        abort();
    if (timing.elapsed_s < 0)
        abort();
    job_answers_release(&answers, count);
    job_destroy(&job);
    return 0;
}
