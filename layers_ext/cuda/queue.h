/* queue.h - a list of work for a GPU. A list that is started again can become a CUDA graph, which
 * one call starts. This saves time, because the driver takes about as long to start a small kernel
 * as the GPU takes to run it. Lists are compared byte by byte. So values that change with each step
 * must be in the GPU's memory, at an address that stays the same. */
#ifndef DNX_CUDA_QUEUE_H
#define DNX_CUDA_QUEUE_H
#include "cuda/driver.h"
#include "cuda/kernels.h"

typedef struct dnx_queue dnx_queue;

typedef struct {
    long lists, graphs, kernels;
} dnx_work;

/* functions: the driver's handles of the kernels, indexed by dnx_cuda_kernel. cu, stream and
 * functions must outlive the queue, which the caller closes. Returns NULL when memory runs out. */
dnx_queue *dnx_queue_open(const dnx_driver *cu, void *stream, void *const *functions);
void dnx_queue_close(dnx_queue *q); /* discards work that was not started; q may be NULL */

/* Forgets all lists and graphs. Call it when memory is freed, after the work that uses it has
 * ended: the driver keeps its own record of the memory that a graph copies. If a later allocation
 * returns the same address, an equal list would start the old graph, which uses the freed
 * memory. */
void dnx_queue_forget(dnx_queue *q);

/* Add a command to the list. args: the kernel's struct of kernels.h, which is copied. When memory
 * runs out, the functions start the list, which empties it, and try again. They return 0, the
 * driver's error, or DNX_CU_OUT_OF_MEMORY. */
dnx_cu_result dnx_queue_launch(dnx_queue *q, dnx_cuda_kernel kernel, const unsigned blocks[3],
                               const void *args);
dnx_cu_result dnx_queue_clear(dnx_queue *q, dnx_cu_pointer to, size_t bytes);
/* host: pinned memory. The device reads or writes it while the list runs, so it must stay valid
 * until the list has ended. */
dnx_cu_result dnx_queue_copy_in(dnx_queue *q, dnx_cu_pointer to, const void *host, size_t bytes);
dnx_cu_result dnx_queue_copy_out(dnx_queue *q, void *host, dnx_cu_pointer from, size_t bytes);

/* Starts the list and empties it. Returns 0 or the driver's error. */
dnx_cu_result dnx_queue_flush(dnx_queue *q);
/* Returns how many lists, graphs and kernels the queue has started so far. */
dnx_work dnx_queue_work(const dnx_queue *q);
/* Returns the name of the command that failed last, for messages. */
const char *dnx_queue_failed(const dnx_queue *q);
/* Returns the name of a kernel. */
const char *dnx_queue_name(dnx_cuda_kernel kernel);
/* Returns the driver's error if a graph has failed, DNX_CU_NOT_FOUND if the driver has no graphs,
 * else 0. */
dnx_cu_result dnx_queue_refusal(const dnx_queue *q);
#endif
