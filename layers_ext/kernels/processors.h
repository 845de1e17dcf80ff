/* processors.h - how many processors this process may use. */
#ifndef DNX_PROCESSORS_H
#define DNX_PROCESSORS_H

/* The processors that the affinity of the calling thread allows (taskset, a container's cpuset), at
 * most the CPU quota of the control group, v1 or v2, rounded up. 1 or more.
 * A library may bind the main thread before main() runs (libgomp with OMP_PROC_BIND=true): a
 * program that links this file gives the main thread its affinity back before main(). */
int dnx_processors(void);

/* For tests: the quota in processors, rounded up, of a process whose /proc/self/cgroup is the file
 * `groups`, with control groups mounted under the folder `mount`. 0: none. */
int dnx_cpu_quota(const char *groups, const char *mount);
#endif
