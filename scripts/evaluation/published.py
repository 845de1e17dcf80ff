"""Published accuracies on LFW's ten folds, for baselines.py, from
http://vis-www.cs.umass.edu/lfw/results.html. Each has the mean and standard error over the folds,
in percent, the method, its training data and the source. "nearest" marks the most similar method.
As a check, we also computed the accuracy at the best point of each ROC curve on that page. Crops
and training data differ from ours."""

NONE = "no published figure found for this protocol"
PIXELS = ("nearest: 68.22 +- 0.41: Pixels/MKL, SVM with several kernels on pixels, funneled; "
          "image-restricted; Pinto, DiCarlo and Cox, CVPR 2009")
FIGURES = {  # {(features, method): published accuracy, and where it comes from}
    ("lbp", "chi-square"): "69.45 +- 0.48: H-XS-40, LBP histograms, 81x150 pixels; unsupervised; "
                           "Ruiz-del-Solar, Verschae and Correa, EURASIP JASP 2009",
    ("raw", "pca"): "60.02 +- 0.79: Eigenfaces, not aligned; image-restricted; Turk and Pentland, "
                    "CVPR 1991, as LFW's authors ran it",
    ("lbp", "pca+lda"): "nearest: 87.33 +- 0.55: LBP PLDA, probabilistic LDA of LBP, aligned; "
                        "unrestricted, outside data without labels; Li et al., PAMI 2012",
    ("lbp", "joint-bayesian"): "nearest: 90.90 +- 1.48: combined Joint Bayesian, several features; "
                               "unrestricted, outside data without labels; Chen et al., ECCV 2012",
    ("lbp", "svm-linear"): PIXELS, ("lbp", "svm-rbf"): PIXELS}


def cited(features, way):
    return FIGURES.get((features, way), NONE)
