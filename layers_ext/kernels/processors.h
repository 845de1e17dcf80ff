/* processors.h - how many processors this process may use. */
#ifndef DNX_PROCESSORS_H
#define DNX_PROCESSORS_H

/* Returns the number of processors that the affinity of the calling thread allows, but at least 1
 * and at most the CPU quota of the control group (v1 or v2), rounded up. A library such as libgomp
 * may restrict the affinity of the main thread before main() runs. In a program that links
 * processors.c, a constructor restores it. */
int dnx_processors(void);

/* For tests: returns the CPU quota in processors, rounded up, or 0 without a limit. groups: a file
 * like /proc/self/cgroup. mount: the folder of the control groups. */
int dnx_cpu_quota(const char *groups, const char *mount);
#endif
