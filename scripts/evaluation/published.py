"""Published accuracies on LFW's ten folds, for comparison with baselines.py. All were read on LFW's
results page, http://vis-www.cs.umass.edu/lfw/results.html, and their best points recomputed from
the ROC curves that it offers. Crops and training data differ from ours."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Published:
    """accuracy, error: mean and standard error over the folds, in percent. is_same: the method and
    the features are those of our row; otherwise it is the nearest that was found."""
    accuracy: float
    error: float
    what: str  # the name on the page, the features and the crop
    protocol: str  # how LFW calls what the method may learn from
    source: str
    is_same: bool = True

    def __str__(self):
        return (("" if self.is_same else "nearest: ")
                + f"{self.accuracy:.2f} +- {self.error:.2f}: {self.what}; {self.protocol}; "
                  f"{self.source}")


NONE = "no published figure found for this protocol"
LBP = Published(69.45, .48, "H-XS-40, LBP histograms, 81x150 pixels", "unsupervised",
                "Ruiz-del-Solar, Verschae and Correa, EURASIP JASP 2009")
PIXELS = Published(68.22, .41, "Pixels/MKL, SVM with several kernels on pixels, funneled",
                   "image-restricted", "Pinto, DiCarlo and Cox, CVPR 2009", False)
PLDA = Published(87.33, .55, "LBP PLDA, probabilistic LDA of LBP, aligned",
                 "unrestricted, outside data without labels", "Li et al., PAMI 2012", False)
JOINT = Published(90.90, 1.48, "combined Joint Bayesian, several features",
                  "unrestricted, outside data without labels", "Chen et al., ECCV 2012", False)
EIGENFACES = Published(60.02, .79, "Eigenfaces, not aligned", "image-restricted",
                       "Turk and Pentland, CVPR 1991, as LFW's authors ran it")

FIGURES = {("lbp", "chi-square"): LBP, ("raw", "pca"): EIGENFACES, ("lbp", "pca+lda"): PLDA,
           ("lbp", "joint-bayesian"): JOINT, ("lbp", "svm-linear"): PIXELS,
           ("lbp", "svm-rbf"): PIXELS}  # {(features, method): figure}


def cited(features, way):
    """Returns the text for the table."""
    return str(FIGURES.get((features, way), NONE))
