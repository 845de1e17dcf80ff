/* test_activations.c - compares activations with constants (tests/lib/make_activations.py), and
 * derivatives with finite differences; checks NaN and large numbers, also in the GPU's code. */
#define DNX_EMULATE
#include "cuda/act.h"
#include "lib/check.h"

#define POINTS 11
// clang-format off
static const float at[POINTS] = {-7.5f, -4.25f, -2.75f, -1.5f, -0.5f, 0.25f, 0.75f, 1.5f, 2.25f,
    5.5f, 7.25f};

static const struct {
    dnx_act act;
    double f[POINTS], d[POINTS]; /* values and derivatives at at[]; prelu has slope .3 */
} table[] = {
    {DNX_LINEAR, {-7.5, -4.25, -2.75, -1.5, -0.5, 0.25, 0.75, 1.5, 2.25, 5.5, 7.25},
     {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
    {DNX_RELU, {0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.75, 1.5, 2.25, 5.5, 7.25},
     {0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
    {DNX_LEAKY, {-0.75, -0.425, -0.275, -0.15, -0.05, 0.25, 0.75, 1.5, 2.25, 5.5, 7.25},
     {0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
    {DNX_PRELU, {-2.25, -1.275, -0.825, -0.45, -0.15, 0.25, 0.75, 1.5, 2.25, 5.5, 7.25},
     {0.3, 0.3, 0.3, 0.3, 0.3, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
    {DNX_RELU6, {0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.75, 1.5, 2.25, 5.5, 6.0},
     {0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0}},
    {DNX_LOGISTIC, {0.000552778637, 0.014063627, 0.0600866502, 0.182425524, 0.377540669,
      0.562176501, 0.679178699, 0.817574476, 0.904650535, 0.995929862, 0.99929033},
     {0.000552473073, 0.0138658414, 0.0564762446, 0.149146452, 0.235003712, 0.246134083,
       0.217894994, 0.149146452, 0.0862579444, 0.00405357169, 0.000709166767}},
    {DNX_TANH, {-0.999999388, -0.999593146, -0.991859725, -0.905148254, -0.462117157, 0.244918662,
      0.635148952, 0.905148254, 0.978026115, 0.999966597, 0.999998991},
     {1.22360853e-6, 0.000813542382, 0.0162142868, 0.180706639, 0.786447733, 0.940014849,
       0.596585808, 0.180706639, 0.0434649189, 6.68045716e-5, 2.01738862e-6}},
    {DNX_ELU, {-0.999446916, -0.985735766, -0.936072139, -0.77686984, -0.39346934, 0.25, 0.75,
      1.5, 2.25, 5.5, 7.25},
     {0.00055308437, 0.0142642339, 0.0639278612, 0.22313016, 0.60653066, 1.0, 1.0, 1.0, 1.0, 1.0,
       1.0}},
    {DNX_SELU, {-1.7570589, -1.73295427, -1.64564406, -1.36576145, -0.691731392, 0.262675,
      0.788025, 1.57605, 2.364075, 5.77885, 7.617575},
     {0.000972339601, 0.0250769688, 0.112387177, 0.392269792, 1.06629985, 1.0507, 1.0507, 1.0507,
       1.0507, 1.0507, 1.0507}},
    {DNX_LOGGY, {-0.998894443, -0.971872746, -0.8798267, -0.635148952, -0.244918662, 0.124353002,
      0.358357398, 0.635148952, 0.80930107, 0.991859725, 0.998580659},
     {0.00110494615, 0.0277316829, 0.112952489, 0.298292904, 0.470007424, 0.492268165,
       0.435789988, 0.298292904, 0.172515889, 0.00810714339, 0.00141833353}},
    {DNX_RELIE, {-0.075, -0.0425, -0.0275, -0.015, -0.005, 0.25, 0.75, 1.5, 2.25, 5.5, 7.25},
     {0.01, 0.01, 0.01, 0.01, 0.01, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
    {DNX_RAMP, {-0.75, -0.425, -0.275, -0.15, -0.05, 0.275, 0.825, 1.65, 2.475, 6.05, 7.975},
     {0.1, 0.1, 0.1, 0.1, 0.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1}},
    {DNX_PLSE, {-0.035, -0.0025, 0.15625, 0.3125, 0.4375, 0.53125, 0.59375, 0.6875, 0.78125,
      1.015, 1.0325},
     {0.01, 0.01, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.01, 0.01}},
    {DNX_STAIR, {-4.0, -2.25, -1.75, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.5, 3.25},
     {0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0}},
    {DNX_HARDTAN, {-1.0, -1.0, -1.0, -1.0, -0.5, 0.25, 0.75, 1.0, 1.0, 1.0, 1.0},
     {0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0}},
    {DNX_LHTAN, {-0.0075, -0.00425, -0.00275, -0.0015, -0.0005, 0.25, 0.75, 1.0005, 1.00125,
      1.0045, 1.00625},
     {0.001, 0.001, 0.001, 0.001, 0.001, 1.0, 1.0, 0.001, 0.001, 0.001, 0.001}},
    {DNX_SWISH, {-0.00414583978, -0.0597704149, -0.165238288, -0.273638286, -0.188770334,
      0.140544125, 0.509384024, 1.22636171, 2.0354637, 5.47761424, 7.24485489},
     {-0.00359076941, -0.0448661991, -0.0952230226, -0.0412941543, 0.260038813, 0.623710022,
       0.842599944, 1.04129415, 1.09873091, 1.01822451, 1.00443179}},
    {DNX_MISH, {-0.00414698564, -0.0601906672, -0.170193079, -0.298099742, -0.220743775,
      0.16957241, 0.610018335, 1.40337827, 2.20945676, 5.49981778, 7.2499927},
     {-0.00359290709, -0.0455959165, -0.102717004, -0.0640978159, 0.289510678, 0.754172668,
       0.985758356, 1.08848799, 1.05467481, 1.00032983, 1.00001359}},
    {DNX_HSWISH, {0.0, 0.0, -0.114583333, -0.375, -0.208333333, 0.135416667, 0.46875, 1.125,
      1.96875, 5.5, 7.25},
     {0.0, 0.0, -0.416666667, 0.0, 0.333333333, 0.583333333, 0.75, 1.0, 1.25, 1.0, 1.0}},
    {DNX_HSIGMOID, {0.0, 0.0, 0.0416666667, 0.25, 0.416666667, 0.541666667, 0.625, 0.75, 0.875,
      1.0, 1.0},
     {0.0, 0.0, 0.166666667, 0.166666667, 0.166666667, 0.166666667, 0.166666667, 0.166666667,
       0.166666667, 0.0, 0.0}},
    {DNX_HARD_MISH, {0.0, 0.0, 0.0, -0.375, -0.375, 0.25, 0.75, 1.5, 2.25, 5.5, 7.25},
     {0.0, 0.0, 0.0, -0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
};
// clang-format on

#define WORD(upper, lower, is_vector, f, grad) #lower,
static const char *const words[] = {DNX_ALL_ACTIVATIONS(WORD)};

static void compare_constants(dnx_act act) {
    size_t i = 0;
    while (i < sizeof table / sizeof *table && table[i].act != act) i++;
    if (i == sizeof table / sizeof *table) {
        printf("# %s: no constants; make_activations.py has no formula for it\n", words[act]);
        return;
    }
    for (int k = 0; k < POINTS; k++) {
        double f = (double)dnx_activate(at[k], act, .3f);
        double d = (double)dnx_activate_grad(at[k], act, .3f);
        check(fabs(f - table[i].f[k]) < 1e-6 * (1 + fabs(table[i].f[k])),
              "%s(%g) is %.8g, not %.8g", words[act], (double)at[k], f, table[i].f[k]);
        check(fabs(d - table[i].d[k]) < 1e-6, "%s'(%g) is %.8g, not %.8g", words[act],
              (double)at[k], d, table[i].d[k]);
    }
}

/* Compares derivatives with central differences. No point lies near a kink. */
static void compare_differences(dnx_act act) {
    for (double u = -7.27; u < 8; u += .37) {
        float lo = (float)(u - .004), hi = (float)(u + .004);
        double slope = ((double)dnx_activate(hi, act, .3f) - dnx_activate(lo, act, .3f)) /
                       ((double)hi - lo);
        double d = dnx_activate_grad((float)u, act, .3f);
        check(fabs(d - slope) < 2e-3, "%s'(%g) is %.6g, but the slope there is %.6g", words[act], u,
              d, slope);
    }
}

typedef float function(float u, dnx_act act, float slope);

/* Checks NaN, and numbers up to 1e30. device: a word for messages. */
static void check_extremes(dnx_act act, const char *device, function *value, function *grad) {
    check(isnan(value(NAN, act, .3f)), "%s(NaN) is not NaN on %s", words[act], device);
    for (float u = 1; u < 1e30f; u *= 8)
        for (int sign = -1; sign <= 1; sign += 2) {
            float f = value(u * sign, act, .3f), d = grad(u * sign, act, .3f);
            check(isfinite(f) && isfinite(d), "%s(%g) is %g, its derivative %g on %s", words[act],
                  (double)(u * sign), (double)f, (double)d, device);
        }
}

int main(void) {
    for (int act = 0; act < DNX_ACTIVATIONS; act++) {
        group("%s", words[act]);
        compare_constants((dnx_act)act);
        compare_differences((dnx_act)act);
        check_extremes((dnx_act)act, "the processor", dnx_activate, dnx_activate_grad);
        check_extremes((dnx_act)act, "a GPU", call_activate, activate_grad);
    }
    return summary();
}
