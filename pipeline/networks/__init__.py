"""Networks of other packages, built and made ready to run: OpenMMLab's, MTCNN, batch normalisations folded."""
