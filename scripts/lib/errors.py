"""Ends a script after an error: a mistake of the user prints one message, without a traceback."""
import importlib.util
import os
import signal
import sys

TARGETS = {"onnx": "make onnx-deps", "faiss": "make eval-deps", "sklearn": "make eval-deps",
           "skimage": "make eval-deps"}


class Failure(ValueError):
    """An error message, mostly `file: reason`. run_main() prints it without a traceback."""


class Stopped(KeyboardInterrupt):
    """Raised when a signal ends the script. Code that handles Ctrl-C handles Stopped, too."""


def script():
    return os.path.basename(sys.argv[0]) or "python3"


def needs(*modules):
    """Ends the script with one line when a module is not installed. Call it before the imports."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            sys.exit(f"{script()}: python3-{name.lower()} is not installed for "
                     f"{sys.executable}: {TARGETS.get(name, 'make deps')}")


def text_of(error):
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def stop(number, _frame):
    raise Stopped(signal.Signals(number).name)


def run_main(work, *arguments, again=False):
    """Calls work(*arguments). Returns the exit status of the script. again=True: when a signal ends
    the script, its message says that the same command continues the work."""
    if hasattr(sys.stdout, "reconfigure"):
        # line buffering keeps the lines of this script and of its child processes in order
        sys.stdout.reconfigure(line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # an ignored signal stays ignored
            signal.signal(number, stop)
    try:
        status = work(*arguments)
        sys.stdout.flush()
        return status or 0
    except BrokenPipeError:
        # Python flushes stdout when it exits. Into /dev/null, this flush raises no second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (Failure, OSError, MemoryError) as e:
        print(f"{script()}: {text_of(e)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{script()}: interrupted" + ("; the same command continues from here" if again
                                            else ""), file=sys.stderr)
    return 1
