// Runs an ONNX file with one input in ONNX Runtime (npm onnxruntime-node).
//
//     node peer_onnx.js MODULES MODEL INPUT B C H W THREADS [OUTPUT]
//
// MODULES: the node_modules folder that contains onnxruntime-node; INPUT: B x C x H x W float32;
// OUTPUT: the name of the output, when the file has several.
// It prints "ready VERSION". Then it answers each line of standard input with one line:
//
//     input FILE          reads another input of the same size; answers "done"
//     output FILE         runs once and writes the output as float32; answers "done"
//     time SECONDS LEAST  runs for SECONDS, at least LEAST times; answers with the ms of each run
//
// When a request fails, it answers "error TEXT".
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const [modules, model, input, b, c, h, w, threads, wanted] = process.argv.slice(2);
const say = (text) => process.stdout.write(text.replace(/\s+/g, " ") + "\n");

async function main() {
    const folder = path.resolve(modules, "onnxruntime-node");
    const ort = require(folder);
    const session = await ort.InferenceSession.create(model, {
        executionProviders: ["cpu"],
        intraOpNumThreads: Number(threads),
        interOpNumThreads: 1,
        executionMode: "sequential",
        graphOptimizationLevel: "all",
        extra: { session: { set_denormal_as_zero: "1" } },
    });
    const feeds = {};
    const take = (file) => {
        const bytes = fs.readFileSync(file);
        const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
        feeds[session.inputNames[0]] = new ort.Tensor("float32", floats, [b, c, h, w].map(Number));
    };
    take(input);
    say("ready " + require(path.join(folder, "package.json")).version);
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [what, ...args] = line.trim().split(" ");
        if (what === "input") {
            take(args.join(" "));
            say("done");
        } else if (what === "output") {
            const { data } = (await session.run(feeds))[wanted || session.outputNames[0]];
            fs.writeFileSync(args.join(" "), Buffer.from(data.buffer, data.byteOffset,
                                                         data.byteLength));
            say("done");
        } else if (what === "time") {
            const [seconds, least] = args.map(Number);
            const times = [];
            const end = performance.now() + 1e3 * seconds;
            while (times.length < least || performance.now() < end) {
                const start = performance.now();
                await session.run(feeds);
                times.push(performance.now() - start);
            }
            say(times.map((t) => t.toFixed(6)).join(" "));
        } else {
            say("error unknown request " + what);
        }
    }
}

main().catch((e) => {
    say("error " + e.message);
    process.exitCode = 1;
});
