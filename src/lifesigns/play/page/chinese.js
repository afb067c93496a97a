// The playground's words in Chinese, by their English text.

export const PLAY_CHINESE = {};
