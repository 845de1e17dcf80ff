/* test_target_errors.c - error messages about the cfg sections of losses with a teacher. */
#include "lib/taught.h"

int main(void) {
    static const struct {
        const char *sections, *text; /* text: the message without the path of the test's folder */
        dnx_status status;
    } rows[] = {
        {"[kd_feature]\nweights=a\n",
         "cfg/student.cfg:26: [kd_feature] needs teacher=", DNX_EOPTION},
        {"[kd_feature]\nteacher=same.cfg\n",
         "cfg/student.cfg:26: [kd_feature] needs weights= of the teacher", DNX_EOPTION},
        {"[kd_feature]\nteacher=gone.cfg\nweights=../same.weights\n",
         "cfg/student.cfg:26: [kd_feature] teacher=gone.cfg: cannot read: No such file or "
         "directory",
         DNX_EIO},
        {"[kd_feature]\nteacher=same.cfg\nweights=../gone.weights\n",
         "cfg/student.cfg:26: [kd_feature] weights=../gone.weights: cannot open: No such file or "
         "directory",
         DNX_EIO},
        {"[kd_feature]\nteacher=large.cfg\nweights=../same.weights\n",
         "cfg/student.cfg:26: [kd_feature] weights=../same.weights: too short: ends at weights of "
         "layer 0 [convolutional]; the network has 1568 floats, the file 1042",
         DNX_EWEIGHTS},
        {"[kd_feature]\nlayer=8\n" SAME,
         "cfg/student.cfg:26: [kd_feature] layer=8: no such layer in same.cfg, which has layers "
         "0 to 7",
         DNX_EOPTION},
        {"[kd_feature]\nlayer=7\n" SAME,
         "cfg/student.cfg:26: [kd_feature] layer=7: it is a loss in same.cfg, which has layers "
         "0 to 7",
         DNX_EOPTION},
        {"[kd_feature]\nlayer=2\n" SAME,
         "cfg/student.cfg:26: [kd_feature] from: 1 x 1 x 10 does not fit the teacher's 6 x 6 x 8",
         DNX_ESHAPE},
        {"[kd_feature]\nteacher=gray.cfg\nweights=../gray.weights\n",
         "cfg/student.cfg:26: [kd_feature] teacher=gray.cfg: takes 1 channels, not 3", DNX_ESHAPE},
        {"[kd_feature]\nfrom=4\n" SAME,
         "cfg/student.cfg:26: [kd_feature] from=4: this is layer 4, so it must name a layer before "
         "it",
         DNX_EOPTION},
        {"[kd_correlation]\nfrom=0,1\n" SAME,
         "cfg/student.cfg:26: [kd_correlation] from: one layer", DNX_EOPTION},
        {HEAD "[kd_feature]\nfrom=4\n" SAME,
         "cfg/student.cfg:30: [kd_feature] from=4: it is a loss", DNX_EOPTION},
    };
    dnx_err err;
    make_folder();
    must(!mkdir(path("cfg"), 0777), "mkdir");
    dnx_net_free(make_teacher("same", same, 1));
    dnx_net_free(make_teacher("other", other, 2));
    dnx_net_free(make_teacher("large", large, 3));
    dnx_net *gray = make_teacher("gray", "[net]\nheight=6\nwidth=6\nchannels=1\n[avgpool]\n", 1);
    dnx_net_free(gray);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[2000], want[400];
        snprintf(text, sizeof text, "%s%s", STUDENT, rows[i].sections);
        snprintf(want, sizeof want, "%s/%s", folder, rows[i].text);
        dnx_net *net = build(text, "cfg/student.cfg", true, &err);
        check(!net && err.status == rows[i].status && !strcmp(err.text, want),
              "error %zu is %d %s\n  not %s", i, (int)err.status, err.text, want);
        dnx_net_free(net);
    }
    return summary();
}
