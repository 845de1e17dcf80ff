/* stop.c - signals that ask the process to stop. */
#include "base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGINT, "SIGINT"},   {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"},
               {SIGXCPU, "SIGXCPU"}, {SIGUSR1, "SIGUSR1"}, {SIGPIPE, "a closed pipe"}};

static volatile sig_atomic_t asked; /* the signal that asked to stop, or 0 */

static void on_signal(int number) {
    if (!asked) asked = number;
}

void dnx_stop_on_signals(void) {
    struct sigaction now = {0}, old;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        const int number = signals[i].number;
        now.sa_handler = on_signal;
        now.sa_flags = (int)(number == SIGINT ? SA_RESTART | SA_RESETHAND : SA_RESTART);
        if (!sigaction(number, NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(number, &now, NULL);
    }
    signal(SIGXFSZ, SIG_IGN);
}

bool dnx_stop_asked(void) { return asked != 0; }

dnx_status dnx_stop_check(dnx_err *err) {
    const int number = asked;
    if (!number) return DNX_OK;
    const char *name = "";
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signals[i].number == number) name = signals[i].name;
    return dnx_fail_at(err, DNX_ESTOP, NULL, "stopped by %s", name);
}

bool dnx_stop_sleep(double seconds) {
    const struct timespec part = {0, 20000000};
    for (double left = seconds; left > 0 && !asked; left -= .02) nanosleep(&part, NULL);
    return !asked;
}
