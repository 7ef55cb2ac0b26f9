// @ts-check
/** Pages that are read: times in the reader's own zone. */

import { keepCounts, tellTimes } from './page.js';

tellTimes();
keepCounts();
