/* queue.h - a list of work for a GPU. It starts when the CPU waits for its results.
 *
 * The driver needs about as long to start a small kernel as the GPU needs to run it. So a list that
 * is repeated is captured into a CUDA graph at its second time. After that one call starts the
 * whole list. Lists are compared by their bytes, so a list with other shapes, addresses or options
 * never starts an old graph. Values that change with each step (the learning rate, images) must be
 * in memory, at an address that stays the same. */
#ifndef DNX_CUDA_QUEUE_H
#define DNX_CUDA_QUEUE_H
#include "cuda/driver.h"
#include "cuda/kernels.h"

typedef struct dnx_queue dnx_queue;

/* Work since the queue was opened: lists that were started, how many of them as one graph, and
 * their kernels. */
typedef struct {
    long lists, graphs, kernels;
} dnx_work;

/* stream and functions (one for each kernel) come from the driver and must outlive the queue. The
 * caller closes the queue. NULL when memory runs out. */
dnx_queue *dnx_queue_open(const dnx_driver *cu, void *stream, void *const *functions);
void dnx_queue_close(dnx_queue *q); /* discards work that was not flushed */

/* Each of these adds to the list and copies args. The result is 0, or the driver's result when the
 * list had to start early because memory for a longer one ran out. */
dnx_cu_result dnx_queue_launch(dnx_queue *q, dnx_cuda_kernel kernel, const unsigned blocks[3],
                               const void *args);
dnx_cu_result dnx_queue_clear(dnx_queue *q, dnx_cu_pointer to, size_t bytes);
/* host is pinned memory. The device reads or writes it when the list runs. */
dnx_cu_result dnx_queue_copy_in(dnx_queue *q, dnx_cu_pointer to, const void *host, size_t bytes);
dnx_cu_result dnx_queue_copy_out(dnx_queue *q, void *host, dnx_cu_pointer from, size_t bytes);

/* Starts the list. The next one is empty. */
dnx_cu_result dnx_queue_flush(dnx_queue *q);
dnx_work dnx_queue_work(const dnx_queue *q);
/* The name of the work that failed last, for messages. */
const char *dnx_queue_failed(const dnx_queue *q);
const char *dnx_queue_name(dnx_cuda_kernel kernel);
/* The result with which the driver refused a graph; then each kernel is started alone. 0 as long as
 * graphs work. */
dnx_cu_result dnx_queue_refusal(const dnx_queue *q);
#endif
