// The numbers of a lesson, by the measures it names.

import { loss, firstLoss, testLoss, accuracy, testAccuracy, steps, parameters, layerParameters, differentUnits, deadShare, largestWeight, largestGradient, firstBiasGradient, gradientRatio, errorRatio, worstOfSeeds, bestOfSeeds, meanSlope, slopeProduct, flatShare, meanValue, signCoherence, detour, stepsToLoss, stepsToAccuracy, stepsToHalf, output, outputAtStart, firstMove, largestError, distanceFromLine, calibrationError, finds, alarms, learnedSlope, bornDead, costOverRelu } from "./measures.js";

const MEASURES = { loss, firstLoss, testLoss, accuracy, testAccuracy, steps, parameters, layerParameters, differentUnits, deadShare, largestWeight, largestGradient, firstBiasGradient, gradientRatio, errorRatio, worstOfSeeds, bestOfSeeds, meanSlope, slopeProduct, flatShare, meanValue, signCoherence, detour, stepsToLoss, stepsToAccuracy, stepsToHalf, output, outputAtStart, firstMove, largestError, distanceFromLine, calibrationError, finds, alarms, learnedSlope, bornDead, costOverRelu };

/** What each number comes to; `of` says of which network. */
export function measured(numbers, sides) {
  const value = ({ what, of = "a", ...more }) => MEASURES[what](sides["ab".indexOf(of)].training, more);
  return Object.fromEntries(Object.entries(numbers).map(([name, about]) => [name, value(about)]));
}
