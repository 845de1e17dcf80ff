/* queue.h - a list of work for a GPU. The list is started when the CPU waits for its results.
 *
 * The driver needs about as long to start a small kernel as the GPU needs to run it. So when a list
 * of four commands or more is started a second time, it is captured into a CUDA graph, which one
 * call starts. Lists are compared byte by byte: a list with other shapes, addresses or options
 * never starts an old graph. Values that change with each step (the learning rate, images) must be
 * in memory, at an address that stays the same. */
#ifndef DNX_CUDA_QUEUE_H
#define DNX_CUDA_QUEUE_H
#include "cuda/driver.h"
#include "cuda/kernels.h"

typedef struct dnx_queue dnx_queue;

/* Counts since the queue was opened: lists that were started, those of them that were started as a
 * graph, and kernels in all lists. */
typedef struct {
    long lists, graphs, kernels;
} dnx_work;

/* Opens a queue on a stream of the driver. functions: the driver's function of each kernel. cu,
 * stream and functions must outlive the queue, which the caller closes. NULL when memory runs
 * out. */
dnx_queue *dnx_queue_open(const dnx_driver *cu, void *stream, void *const *functions);
void dnx_queue_close(dnx_queue *q); /* discards work that was not started; q may be NULL */

/* Add a command to the list. args: the kernel's struct of kernels.h, which is copied. When memory
 * for the list runs out, they start the list early. Return 0; an error of the driver from this
 * start; or DNX_CU_OUT_OF_MEMORY when the command still finds no memory. */
dnx_cu_result dnx_queue_launch(dnx_queue *q, dnx_cuda_kernel kernel, const unsigned blocks[3],
                               const void *args);
dnx_cu_result dnx_queue_clear(dnx_queue *q, dnx_cu_pointer to, size_t bytes);
/* host: pinned memory, which the device reads or writes while the list runs. */
dnx_cu_result dnx_queue_copy_in(dnx_queue *q, dnx_cu_pointer to, const void *host, size_t bytes);
dnx_cu_result dnx_queue_copy_out(dnx_queue *q, void *host, dnx_cu_pointer from, size_t bytes);

/* Starts the list and empties it. Returns 0 or the driver's error. */
dnx_cu_result dnx_queue_flush(dnx_queue *q);
dnx_work dnx_queue_work(const dnx_queue *q);
/* Returns the name of the command that failed last, for messages. */
const char *dnx_queue_failed(const dnx_queue *q);
const char *dnx_queue_name(dnx_cuda_kernel kernel);
/* Returns the error with which the driver refused a graph, DNX_CU_NOT_FOUND when the driver has no
 * graphs, else 0. After an error each kernel is started alone. */
dnx_cu_result dnx_queue_refusal(const dnx_queue *q);
#endif
